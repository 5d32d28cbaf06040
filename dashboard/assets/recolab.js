/* What the page does without asking the server. */
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  recolab: {
    exportCsv: (clicks) => (clicks ? true : window.dash_clientside.no_update),
    /* A filter that has just been drawn is no choice of the reader's. */
    putFiltersInAddress: (_values, search, drawn) => {
      const [filters] = window.dash_clientside.callback_context.inputs_list;
      const chosen = filters.filter(({ id, value }) => value !== undefined && drawn?.filters[id.name] !== value);
      if (!chosen.length) return window.dash_clientside.no_update;
      const address = new URLSearchParams(search);
      for (const { id, value } of chosen) address.set(id.name, value);
      return `?${address}`;
    },
    closeMenu: () => false,
    nameTab: (path, titles) => {
      const title = titles[path.replace(/\/+$/, "") || "/"];
      document.title = title ? `${title} · RecoLab` : "RecoLab";
    },
  },
});
