// Sets the theme before anything is painted: the one chosen, or else the system's.
;(function () {
  var theme = ''
  try {
    theme = localStorage.getItem('tertulia.theme')
  } catch (e) {
    // Storage can be forbidden; then the system decides.
  }
  if (theme !== 'light' && theme !== 'dark') theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  document.documentElement.dataset.theme = theme
})()
