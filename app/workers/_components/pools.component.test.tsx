import { act, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { poolRowSchema } from "@/contracts/api/pools";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { Pools } from "./pools";

const AT = new Date("2026-11-30T05:00:00Z");
const WORKER = {
  id: "00000000-0000-4000-8000-00000000000a",
  poolId: "00000000-0000-4000-8000-000000000001",
  name: "lab-0000000a",
  state: "failed",
  externalId: "4711",
  detail: "FAILED",
  reason: "Its job was over before a worker attached: FAILED.",
  logTail: "no clone here",
  workerId: null,
  requestedAt: AT,
  startedAt: AT,
  attachedAt: null,
  idleSince: null,
  endedAt: new Date("2026-11-30T05:30:00Z"),
  cost: 1.25,
};
const POOL = poolRowSchema.parse({
  id: WORKER.poolId,
  name: "lab",
  target: { kind: "slurm", host: "me@login" },
  template: DEFAULT_TEMPLATES.slurm,
  serverUrl: "http://127.0.0.1:3000",
  costPerHour: 2.5,
  hasSecret: false,
  paused: true,
  failures: 3,
  error: "3 starts in a row failed",
  waiting: 2,
  cost: 1.25,
  workers: [
    WORKER,
    {
      ...WORKER,
      id: WORKER.id.replace("a", "b"),
      name: "lab-0000000b",
      state: "idle",
      endedAt: null,
      reason: null,
      logTail: null,
    },
  ],
});

it("shows what a pool costs, why it starts none, and its workers, each with its reason", async () => {
  const user = userEvent.setup({ delay: null });
  const ended: unknown[] = [];
  renderPage(<Pools />, {
    "pools.list": () => [POOL],
    "pools.endWorker": (input) => (ended.push(input), {}),
  });
  await screen.findByText("Slurm · me@login · 2.5 an hour each · 1.25 so far");
  screen.getByText("1 of at most 1 worker; ended after 5 m 00 s without work; 2 runs wait for it");
  expect(screen.getByRole("alert").textContent).toContain("3 starts in a row failed");
  await user.click(screen.getByRole("button", { name: "End lab-0000000b" }));
  expect(ended).toEqual([{ id: POOL.workers[1]!.id }]);
  await user.click(screen.getByRole("button", { name: "Earlier workers (1)" }));
  screen.getByText(WORKER.reason);
  await user.click(screen.getByRole("button", { name: "End of its log" }));
  screen.getByText("no clone here");
});

it("shows what would be submitted, says what is wrong with a template, and sends what was entered", async () => {
  const user = userEvent.setup({ delay: null });
  const created: unknown[] = [];
  renderPage(<Pools />, {
    "pools.list": () => [],
    "pools.create": (input) => (created.push(input), { id: WORKER.id }),
  });
  await user.click(await screen.findByRole("button", { name: "Add a pool" }));
  const dialog = within(await screen.findByRole("dialog"));
  await user.type(dialog.getByLabelText("Name"), "lab");
  await user.click(dialog.getByRole("button", { name: "What would be submitted" }));
  expect(dialog.getByTestId("pool-preview").textContent).toContain("--gpus-per-node=1");
  expect(dialog.getByTestId("pool-preview").textContent).toContain("--name lab-00000000");
  await user.selectOptions(dialog.getByLabelText("Kind"), "ssh");
  const template = dialog.getByLabelText<HTMLTextAreaElement>("Template");
  expect(template.value).toBe(DEFAULT_TEMPLATES.ssh);
  await user.click(dialog.getByRole("button", { name: "Add" }));
  expect(dialog.getByRole("alert").textContent).toContain("target.host: must not be empty");
  await user.type(dialog.getByLabelText("Host"), "me@box");
  await user.type(dialog.getByLabelText("Models"), "a, b");
  await user.click(dialog.getByLabelText(/^They run commands/));
  await user.click(dialog.getByLabelText(/^A Tinker service trains/));
  await user.type(template, "{{{{token}}");
  expect(dialog.getAllByRole("alert")[0]!.textContent).toContain(
    "the token is part of no template",
  );
  await act(async () => {
    await user.clear(template);
    await user.click(template);
    await user.paste("exec worker --server {{server}} --name {{worker}}");
  });
  await user.click(dialog.getByRole("button", { name: "Add" }));
  expect(created).toMatchObject([
    {
      name: "lab",
      target: { kind: "ssh", host: "me@box" },
      offers: {
        models: ["a", "b"],
        corpora: [],
        gpus: 1,
        vllm: false,
        commands: true,
        tinker: true,
      },
      quota: 1,
      idleSeconds: 300,
    },
  ]);
});
