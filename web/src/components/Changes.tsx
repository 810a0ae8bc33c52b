import type { Change } from '../lib/diff';

/** Members that changed, before and after. */
export function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <div className="table-scroll">
      <table className="plain-table diff">
        <tbody>
          {changes.map((change) => (
            <tr key={change.field}>
              <th scope="row" className="mono">
                {change.field}
              </th>
              <td className="mono diff-old">{asText(change.before)}</td>
              <td className="mono diff-new">{asText(change.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function asText(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
