import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import type { AlarmRow, RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { RewindButton } from "./rewind-button";

const RUN_ID = "00000000-0000-4000-8000-000000000001";
const BRANCH_ID = "00000000-0000-4000-8000-000000000002";
const checkpointId = (step: number): string =>
  `00000000-0000-4000-8000-0000000000${String(step).padStart(2, "0")}`;
const ALARM: AlarmRow = {
  name: "queries-alike",
  since: 8,
  raised: { step: 10, at: new Date(0) },
  cleared: null,
  evidence: [],
};
const config = trainConfigSchema.parse({
  kind: "train",
  name: "run",
  rl: { steps: 20, schedule: "cosine", lrWarmupSteps: 2 },
});

const listDisabled = (): boolean[] =>
  screen
    .getAllByRole<HTMLButtonElement>("button", { name: /Rewind/ })
    .map(({ disabled }) => disabled);

function draw(actions: RunDetail["actions"], steps: number[], launches: () => void = () => {}) {
  const asked: unknown[] = [];
  const stop = (name: string) => (input: unknown) => {
    asked.push([name, input]);
    return { state: "paused" } as never;
  };
  const run = { id: RUN_ID, config, actions } as unknown as RunDetail;
  const { visited } = renderPage(
    // One above the tabs, one at the alarm.
    <>
      <RewindButton run={run} />
      <RewindButton run={run} />
    </>,
    {
      "alarms.list": () => [ALARM],
      "runs.checkpoints": () =>
        steps.map((step) => ({
          id: checkpointId(step),
          step,
          attempt: 1,
          bytes: 1,
          createdAt: new Date(0),
          files: [],
          metadata: {},
        })),
      "runs.launch": (input) => {
        launches();
        asked.push(["launch", input]);
        return { id: BRANCH_ID };
      },
      "runs.pause": stop("pause"),
      "runs.cancel": stop("cancel"),
    },
  );
  return { asked, visited };
}

it("launches a branch from the last checkpoint before the alarm, then pauses the run", async () => {
  const { asked, visited } = draw(["pause", "cancel"], [12, 6, 3]);
  const [above, atAlarm] = await screen.findAllByRole("button", { name: "Rewind to step 6" });
  await userEvent.click(above!);
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[0]).toMatchObject([
    "launch",
    {
      config: {
        searcher: { checkpoint: checkpointId(6), checkpointState: "all" },
        coldStart: { demonstrations: 0 },
        rl: { steps: 14, schedule: "cosine", scheduleOffset: 6, lrWarmupSteps: 2 },
      },
    },
  ]);
  expect(asked[1]).toEqual(["pause", { id: RUN_ID }]);
  expect(visited).toEqual([`/runs/${BRANCH_ID}`]);
  expect(listDisabled()).toEqual([true, true]);
  fireEvent.click(atAlarm!);
  expect(asked).toHaveLength(2);
});

it("launches one branch where both buttons are clicked before the page is drawn again", async () => {
  const { asked } = draw(["pause"], [6]);
  const buttons = await screen.findAllByRole("button", { name: /Rewind/ });
  act(() => buttons.forEach((button) => button.click()));
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(listDisabled()).toEqual([true, true]);
  expect(asked.map((call) => (call as unknown[])[0])).toEqual(["launch", "pause"]);
});

it("cancels a run that cannot pause, and leaves one alone that is over", async () => {
  const running = draw(["cancel"], [6]);
  await userEvent.click((await screen.findAllByRole("button", { name: /Rewind/ }))[0]!);
  await waitFor(() => expect(running.asked).toHaveLength(2));
  expect(running.asked[1]).toEqual(["cancel", { id: RUN_ID }]);
});

it("stops nothing where the branch is refused", async () => {
  const { asked, visited } = draw(["pause"], [6], () => {
    throw new Error("no worker has this corpus");
  });
  await userEvent.click((await screen.findAllByRole("button", { name: /Rewind/ }))[0]!);
  await screen.findByText("no worker has this corpus");
  expect([asked, visited]).toEqual([[], []]);
  await waitFor(() => expect(listDisabled()).toEqual([false, false]));
});

it("is absent where no checkpoint is from before the alarm", async () => {
  const { asked } = draw(["pause"], [8, 12]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(screen.queryByRole("button")).toBeNull();
  expect(asked).toEqual([]);
});
