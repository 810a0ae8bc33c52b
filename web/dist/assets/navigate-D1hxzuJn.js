<<<<<<<< HEAD:web/dist/assets/navigate-D1hxzuJn.js
import{m as e,p as t}from"./Page-CFbZE0kX.js";import{B as n}from"./words-Cq-IHl8y.js";function r(e){return`/jobs/${encodeURIComponent(e)}`}function i(e){return`/runs/${encodeURIComponent(e)}`}function a(e,t,n){let r=e.slice(t.length).split(`/`)[n+1]??``;try{return decodeURIComponent(r)}catch{return r}}function o(){return a(t(),n,1)}var s=e;export{s as i,i as n,o as r,r as t};
========
import{m as e,p as t}from"./Page-CMgcsoUo.js";import{z as n}from"./words-D03bBN2i.js";function r(e){return`/jobs/${encodeURIComponent(e)}`}function i(e){return`/runs/${encodeURIComponent(e)}`}function a(e,t,n){let r=e.slice(t.length).split(`/`)[n+1]??``;try{return decodeURIComponent(r)}catch{return r}}function o(){return a(t(),n,1)}var s=e;export{s as i,i as n,o as r,r as t};
>>>>>>>> 055eb4b (page: make and test channels, send all failures to one, see what was told):web/dist/assets/navigate-CtT9GcJB.js
