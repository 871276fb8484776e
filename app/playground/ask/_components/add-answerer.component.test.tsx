import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import type { Answerer } from "@/app/_lib/ask-link";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { AddAnswerer } from "./add-answerer";

const NEW = "00000000-0000-4000-8000-000000000001";
const OLD = "00000000-0000-4000-8000-000000000002";
const checkpoint = (step: number) => ({ id: `${step}`, step });

const open = async () => {
  const onAdd = vi.fn<(answerer: Answerer) => void>();
  const list = vi.fn();
  const answers = {
    "runs.list": (input: { text?: string }) => {
      list(input);
      const { text } = input;
      const rows = [
        { id: NEW, name: "New one", kind: "train" },
        { id: OLD, name: "Old one", kind: "train" },
      ].filter(({ name }) => (text ? name.toLowerCase().includes(text) : name === "New one"));
      return { rows, counts: {}, nextCursor: text ? null : "more" };
    },
    "runs.checkpoints": ({ id }: { id: string }) =>
      (id === NEW ? [30, 20, 10] : [8, 4]).map(checkpoint),
  } as unknown as Answers;
  renderPage(<AddAnswerer disabled={false} onAdd={onAdd} />, answers);
  const user = userEvent.setup({ delay: null });
  await user.click(screen.getByRole("button", { name: "Add who answers" }));
  await user.click(screen.getByRole("menuitem", { name: "A checkpoint or a run…" }));
  return { user, onAdd, list };
};
const findCheckpoints = () =>
  screen.findByRole<HTMLSelectElement>("combobox", { name: "Checkpoint" });

it("proposes the newest checkpoint of the newest run", async () => {
  const { user, onAdd } = await open();
  const select = await findCheckpoints();
  await waitFor(() => expect(select.value).toBe("30"));
  await user.click(screen.getByRole("button", { name: "Add" }));
  expect(onAdd).toHaveBeenCalledExactlyOnceWith({ run: NEW, checkpoint: "30" });
});

it("finds a run that is not among those listed, by text", async () => {
  const { user, onAdd, list } = await open();
  await screen.findByText(/^The newest 1 are listed/);
  expect(screen.queryByRole("option", { name: /Old one/ })).toBeNull();
  await user.type(screen.getByRole("searchbox", { name: /^Search by name/ }), "old");
  await screen.findByRole("option", { name: /Old one/ });
  expect(list.mock.lastCall?.[0]).toMatchObject({ text: "old", kinds: ["train", "predict"] });
  const select = await findCheckpoints();
  await waitFor(() => expect(select.value).toBe("8"));
  await user.selectOptions(select, "4");
  await user.click(screen.getByRole("button", { name: "Add" }));
  expect(onAdd).toHaveBeenCalledExactlyOnceWith({ run: OLD, checkpoint: "4" });
});

it("says that no run has the text, and adds none", async () => {
  const { user } = await open();
  await screen.findByRole("option", { name: /New one/ });
  await user.type(screen.getByRole("searchbox", { name: /^Search by name/ }), "nothing");
  await screen.findByText("No run matches");
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Add" }).disabled).toBe(true);
});
