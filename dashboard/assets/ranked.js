/* Ranked lists of links, each drawn as one component. */
{
  const element = window.React.createElement;

  /* Follow a link within the page, unless a key asks for another window. */
  const follow = (event) => {
    if (event.metaKey || event.shiftKey || event.altKey || event.ctrlKey) return;
    event.preventDefault();
    window.dash_clientside.set_props("address", { search: event.currentTarget.search });
    window.scrollTo(0, 0);
  };

  const entry = ({ title, href, note, mark, reason }, place) =>
    element(
      "li",
      { key: place, className: mark && "hit" },
      element("a", { href, onClick: follow }, title),
      note && ` ${note}`,
      mark && element("span", { className: "mark" }, mark),
      reason && element("span", { className: "reason" }, reason),
    );

  window.recolab = { RankedList: ({ items }) => element("ol", { className: "ranked" }, items.map(entry)) };
}
