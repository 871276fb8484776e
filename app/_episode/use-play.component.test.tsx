import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { PlayedEpisode } from "./played-episode";
import { usePlay } from "./use-play";

const TASK = "00000000-0000-4000-8000-000000000001";
const cancel = vi.fn();
afterEach(() => cancel.mockClear());

function Player() {
  const play = usePlay();
  const start = () => play.start({ kind: "ask" } as Parameters<typeof play.start>[0]);
  return (
    <>
      <button onClick={start}>Play</button>
      <PlayedEpisode play={play} goldIds={[]} answers={[]} onRetry={start} />
    </>
  );
}

/** A worker plays until it is stopped, or has failed at once. */
const draw = (state: "running" | "failed" = "running") =>
  renderPage(<Player />, {
    "tasks.create": () => ({ taskId: TASK }),
    "tasks.get": () => ({
      id: TASK,
      kind: "play",
      state: cancel.mock.calls.length > 0 ? "cancelled" : state,
      worker: { id: TASK, name: "w" },
      detail: "turn 0: reading",
      fraction: 0.5,
      createdAt: new Date(),
      endedAt: null,
      error: null,
      result: null,
      partial: null,
    }),
    "tasks.cancel": (input: unknown) => {
      cancel(input);
      return {};
    },
  } as unknown as Answers);
const play = () => userEvent.click(screen.getByRole("button", { name: "Play" }));

it("is stopped by its button, and not once more by leaving the page", async () => {
  const { unmount } = draw();
  await play();
  await userEvent.click(await screen.findByRole("button", { name: "Stop" }));
  await screen.findByText("Stopped.");
  unmount();
  await Promise.resolve();
  expect(cancel.mock.calls).toEqual([[{ id: TASK }]]);
});

it("is stopped by leaving the page while a worker still plays", async () => {
  const { unmount } = draw();
  await play();
  await screen.findByText("turn 0: reading");
  unmount();
  await waitFor(() => expect(cancel.mock.calls).toEqual([[{ id: TASK }]]));
});

it("is stopped by leaving the page before the server has said which task it is", async () => {
  const { unmount } = draw();
  screen.getByRole("button", { name: "Play" }).click();
  await screen.findByRole("button", { name: "Stop" });
  unmount();
  await waitFor(() => expect(cancel.mock.calls).toEqual([[{ id: TASK }]]));
});

it("cancels nothing where it has ended before", async () => {
  const { unmount } = draw("failed");
  await play();
  await waitFor(() => expect(screen.queryByRole("button", { name: "Stop" })).toBeNull());
  unmount();
  await Promise.resolve();
  expect(cancel).not.toHaveBeenCalled();
});
