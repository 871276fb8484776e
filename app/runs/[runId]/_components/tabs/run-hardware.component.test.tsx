import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { RunHardware } from "./run-hardware";

const columns = (values: number[]) => ({
  steps: values.map((_, i) => 10 * i),
  ats: values.map((_, i) => 10_000 * i),
  values,
});

it("shows the machine of a run by seconds: what was reported more than once, and nothing else", async () => {
  renderPage(<RunHardware runId="r" />, {
    "metrics.seriesOfRuns": () => ({
      r: {
        cursor: "1",
        whole: true,
        series: {
          "system/cpu": columns([0.5, 0.6, 0.7]),
          "system/memory_mb": columns([900]),
        },
      },
    }),
  });
  expect(await screen.findByRole("heading", { name: "Processors and GPUs in use" })).toBeTruthy();
  expect(screen.getAllByRole("article")).toHaveLength(1);
  await waitFor(() =>
    expect(document.querySelector("[data-chart=hardware]")?.getAttribute("data-points")).toBe("3"),
  );
});
