/* Save the figure beside a button as it is drawn, on its paper and under the heading of its panel. */
const savePng = async (button) => {
  const figure = button.closest("[role=group]").querySelector(".js-plotly-plot");
  const panel = button.closest(".mantine-Paper-root, .panel");
  const { width, height } = figure.getBoundingClientRect();
  const heading = panel?.querySelector("h2, h3")?.textContent ?? "";
  const { margin, ...layout } = figure.layout;
  const image = await window.Plotly.toImage(
    {
      data: figure.data,
      layout: {
        ...layout,
        margin: { ...margin, t: (margin?.t ?? 30) + 30 },
        title: { text: heading, x: 0.01, xanchor: "left", y: 0.98, yanchor: "top" },
        paper_bgcolor: getComputedStyle(panel ?? document.body).backgroundColor,
      },
    },
    { format: "png", scale: 2, width, height: height + 30 },
  );
  Object.assign(document.createElement("a"), {
    href: image,
    download: `${button.dataset.png}.png`,
  }).click();
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-png]");
  if (button) savePng(button);
});
