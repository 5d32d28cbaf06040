/* What the page does without asking the server. */
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  recolab: {
    exportCsv: (clicks) => (clicks ? true : window.dash_clientside.no_update),
    closeMenu: () => false,
  },
});
