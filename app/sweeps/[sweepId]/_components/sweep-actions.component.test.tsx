import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { SweepActions } from "./sweep-actions";

const sweep = {
  id: "00000000-0000-4000-8000-000000000001",
  name: "Steps",
  runs: 3,
  counts: { running: 1, queued: 1, succeeded: 1 },
  members: [{ state: "running" }, { state: "queued" }, { state: "succeeded" }],
} as unknown as SweepDetail;

it("asks before it cancels all runs that have not ended", async () => {
  const cancel = vi.fn<(id: string) => void>();
  renderPage(<SweepActions sweep={sweep} />, {
    "sweeps.cancel": ({ id }) => {
      cancel(id);
      return { cancelled: 1, cancelling: 1 };
    },
  });
  const user = userEvent.setup({ delay: null });
  expect(screen.queryByRole("button", { name: "Delete" }), "some have not ended").toBeNull();
  await user.click(screen.getByRole("button", { name: "Cancel all" }));
  expect(await screen.findByText("Cancel 2 runs?")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Keep it" }));
  expect(cancel).not.toHaveBeenCalled();
  await user.click(screen.getByRole("button", { name: "Cancel all" }));
  await user.click(await screen.findByRole("button", { name: "Cancel them" }));
  expect(cancel).toHaveBeenCalledExactlyOnceWith(sweep.id);
  expect(await screen.findByText("1 run cancelled, 1 cancelling")).toBeTruthy();
});
