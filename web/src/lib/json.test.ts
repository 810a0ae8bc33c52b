import { describe, expect, it } from 'vitest';
import { indentJSON } from './json';

describe('indentJSON', () => {
  it('keeps every digit of every number', () => {
    expect(indentJSON('{"id":9007199254740993,"x":1e400,"y":-0.10}')).toBe('{\n  "id": 9007199254740993,\n  "x": 1e400,\n  "y": -0.10\n}');
  });
  it('keeps order, duplicates and escapes', () => {
    expect(indentJSON('{"b":1,"a":"\\u00e9\\n","b":[]}')).toBe('{\n  "b": 1,\n  "a": "\\u00e9\\n",\n  "b": []\n}');
  });
  it('changes nothing but white space', () => {
    const text = '[{"a":[1,[2,{}]],"s":"x , y : { }"},null,true]';
    expect(indentJSON(text)?.replace(/\n\s*/g, '').replace('": ', '":').replace('": ', '":')).toBe(text);
  });
  it('leaves what is not JSON alone', () => {
    for (const text of ['', '<p>', '{"a":}', '{a:1}', '1 2']) expect(indentJSON(text)).toBeNull();
  });
});
