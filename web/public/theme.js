// Before the first paint: the theme that was chosen, or the system's.
(function () {
  let theme = 'system';
  try {
    theme = JSON.parse(localStorage.getItem('schedule-server:settings') || '{}').theme || theme;
  } catch {
    // Without storage the system decides.
  }
  if (theme !== 'light' && theme !== 'dark') {
    theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.dataset.theme = theme;
})();
