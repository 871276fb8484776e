import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { ExternalPhase } from "./external-phase";

const RUN_ID = "00000000-0000-4000-8000-000000000001";

it.each([
  ["running", "Another trainer makes this run"],
  ["stalled", "Nothing was heard of its trainer since"],
  ["failed", "that it failed"],
  ["succeeded", "that it finished"],
] as const)("says of a run that is %s what its trainer said", async (state, text) => {
  renderPage(<ExternalPhase run={{ id: RUN_ID, state, endedAt: null } as unknown as RunDetail} />, {
    "externalRuns.get": () => ({
      reportedBy: "",
      heardAt: new Date(0),
      tags: {},
      parameters: {},
      files: [],
      episodes: 0,
      issues: [],
      waitingTraces: 0,
      baseline: null,
    }),
  });
  expect((await screen.findByText(new RegExp(text))).textContent).not.toMatch(/succeeded/);
});
