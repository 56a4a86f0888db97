// Sets the chosen theme before the first paint, so that a dark page never flashes white. A plain script on
// purpose: modules run too late. The choice is made in shell/theme.js.
(() => {
  try {
    const chosen = localStorage.getItem('watchfire.theme');
    if (chosen === 'dark' || chosen === 'light') document.documentElement.dataset.theme = chosen;
    const rail = localStorage.getItem('watchfire.rail');
    if (rail) document.documentElement.dataset.rail = rail;
  } catch {
    // Storage may be closed to us; then the system's theme holds.
  }
})();
