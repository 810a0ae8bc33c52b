<<<<<<<< HEAD:web/dist/assets/useDebounced-B0XuxaGx.js
import{S as e,b as t}from"./i18n-S1v_afF5.js";var n=e(t(),1);function r(e,t){let[r,i]=(0,n.useState)(e);return(0,n.useEffect)(()=>{let n=setTimeout(()=>i(e),t);return()=>clearTimeout(n)},[e,t]),r}export{r as t};
========
import{S as e,b as t}from"./i18n-CFk38yoD.js";var n=e(t(),1);function r(e,t){let[r,i]=(0,n.useState)(e);return(0,n.useEffect)(()=>{let n=setTimeout(()=>i(e),t);return()=>clearTimeout(n)},[e,t]),r}export{r as t};
>>>>>>>> 055eb4b (page: make and test channels, send all failures to one, see what was told):web/dist/assets/useDebounced-BPSQMxGf.js
