// Runs before the page is painted, so that a chosen theme does not flash: the board's one script that is no module.
(() => {
  try {
    const chosen = localStorage.getItem('board:theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch {
    // without storage the system's theme is taken
  }
})();
