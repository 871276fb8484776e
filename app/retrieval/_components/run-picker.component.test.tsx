import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { EvaluationRow } from "@/app/_lib/live/trpc";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { RunPicker } from "./run-picker";

const buildRow = (id: string): EvaluationRow => ({
  id,
  name: `measured ${id}`,
  state: "succeeded",
  createdAt: new Date(0),
  headline: 0.5,
  corpus: "atlas",
  questionSet: "mine",
  depth: 20,
  retriever: retrieverSchema.parse({ kind: "bm25" }),
});

it("lets go of a chosen run that is no longer in the list once the choice changes", async () => {
  const onChange = vi.fn();
  renderPage(
    <RunPicker
      rows={[buildRow("a"), buildRow("b")]}
      metric="recall@10"
      chosen={["deleted", "a"]}
      onChange={onChange}
    />,
  );
  await userEvent.click(screen.getByRole("checkbox", { name: /measured b/ }));
  expect(onChange.mock.lastCall).toEqual([["a", "b"]]);
  await userEvent.click(screen.getByRole("checkbox", { name: /measured a/ }));
  expect(onChange.mock.lastCall).toEqual([[]]);
});
