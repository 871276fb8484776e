import { act, screen } from "@testing-library/react";
import { Suspense } from "react";
import { expect, it } from "vitest";
import { TextProvider } from "@/app/_i18n/text-provider";
import { renderPage } from "@/app/_testing/render-page";
import type { HomeRun } from "@/contracts/api/home";
import { EndedRuns } from "./run-lists";

const FAILED: HomeRun = {
  id: "r",
  name: "Failed one",
  kind: "train",
  state: "failed",
  error: "The engine is not available, so what needs it is not either.",
  headline: null,
  progress: null,
  startedAt: new Date(0),
  endedAt: new Date(60_000),
};

it("says why a run failed in the language of the page, also where the text is cut", async () => {
  // What is suspended for its language is drawn once that is there.
  await act(async () => {
    renderPage(
      <Suspense>
        <TextProvider language="zh">
          <EndedRuns runs={[FAILED]} count={0} since={new Date(120_000)} />
        </TextProvider>
      </Suspense>,
    );
    await Promise.resolve();
  });
  const reason = "引擎不可用，因此需要它的部分也不可用。";
  expect((await screen.findByTitle(reason)).textContent).toContain(reason);
});
