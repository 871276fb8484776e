// @vitest-environment jsdom
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { CompareView } from "./compare-view";

const buildId = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
const buildRun = (n: number, over: object = {}) => ({
  id: buildId(n),
  name: `run ${n}`,
  kind: "predict",
  headline: { metric: "predict/accuracy", value: 0.5, sparkline: [] },
  deletedAt: null,
  archivedAt: null,
  ...over,
});
const draw = (named: object, address: string) =>
  renderPage(
    <CompareView />,
    {
      "runs.list": () => ({ rows: [buildRun(1), buildRun(2)], nextCursor: null, counts: {} }),
      "runs.get": () => named,
    } as unknown as Answers,
    address,
  );

it("offers no deleted run that the address names, and compares without it", async () => {
  draw(buildRun(9, { deletedAt: new Date() }), `/compare?runs=${buildId(9)}`);
  expect(await screen.findAllByRole("checkbox")).toHaveLength(2);
  const button = screen.getByRole("button", { name: "Compare" });
  await userEvent.click(screen.getByRole("checkbox", { name: /run 1/ }));
  expect(button.textContent).toBe("Compare 1");
  expect(button.hasAttribute("disabled")).toBe(true);
});

it("offers a run that the address names and the list does not show", async () => {
  draw(buildRun(9, { archivedAt: new Date() }), `/compare?runs=${buildId(9)}`);
  const box = await screen.findByRole<HTMLInputElement>("checkbox", { name: /run 9/ });
  expect(box.checked).toBe(true);
  await userEvent.click(box);
  await waitFor(() => expect(screen.getByRole("button", { name: "Compare" })).toBeTruthy());
  expect(screen.getAllByRole("checkbox")).toHaveLength(3);
});
