<<<<<<<< HEAD:web/dist/assets/guard-2PIdUaqu.js
import{S as e,b as t}from"./i18n-S1v_afF5.js";var n=e(t(),1),r=null;function i(e){r?r(e):e()}function a(e,t){(0,n.useEffect)(()=>{if(!e)return;r=t;let n=e=>e.preventDefault();return addEventListener(`beforeunload`,n),()=>{r=null,removeEventListener(`beforeunload`,n)}},[e,t])}function o(){r=null}export{o as n,a as r,i as t};
========
import{S as e,b as t}from"./i18n-CFk38yoD.js";var n=e(t(),1),r=null;function i(e){r?r(e):e()}function a(e,t){(0,n.useEffect)(()=>{if(!e)return;r=t;let n=e=>e.preventDefault();return addEventListener(`beforeunload`,n),()=>{r=null,removeEventListener(`beforeunload`,n)}},[e,t])}function o(){r=null}export{o as n,a as r,i as t};
>>>>>>>> 055eb4b (page: make and test channels, send all failures to one, see what was told):web/dist/assets/guard-rsEfwanl.js
