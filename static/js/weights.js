// Shows each criterion's share of all points while they are typed.
for (const table of document.querySelectorAll("[data-weights]")) {
  const rows = [...table.tBodies[0].rows].map((row) => ({
    input: row.querySelector("input"),
    output: row.querySelector("output"),
  }));
  table.addEventListener("input", () => {
    const points = rows.map(({ input }) => (input.value === "" ? NaN : Number(input.value)));
    const total = points.reduce((sum, each) => sum + each, 0);
    const isRight = points.every((each) => each >= 0) && total > 0;
    rows.forEach(({ output }, index) => {
      output.value = isRight ? `${Math.round((1000 * points[index]) / total) / 10} %` : "–";
    });
  });
}
