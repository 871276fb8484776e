import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LANGUAGE_COOKIE } from "@/app/_i18n/language";
import { useDialogParam } from "@/app/_lib/hooks/use-params";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { PaletteDialog } from "./palette-dialog";

const ID = "0c5f7a52-6d0c-4a51-9d3f-1f0a3c1b2d4e";
const ANSWERS: Answers = {
  "catalogue.presets": () => [],
  "search.find": () => ({ runs: [], sweeps: [], questions: [], corpora: [] }),
  "runs.get": ({ id }) =>
    ({ id, kind: "train", name: "Of this test", actions: ["cancel", "pause"] }) as never,
};

beforeEach(() => localStorage.clear());
afterEach(() => {
  document.cookie = `${LANGUAGE_COOKIE}=; path=/; max-age=0`;
});

/** Stands for the actions in a run's header. */
function Asked() {
  const [open] = useDialogParam(["cancel", "pause"]);
  return <output>{open ?? "nothing"}</output>;
}

function draw(address: string) {
  const page = renderPage(
    <>
      <PaletteDialog open onOpenChange={() => undefined} />
      <Asked />
    </>,
    ANSWERS,
    address,
  );
  const user = userEvent.setup({ delay: null });
  const choose = async (text: string, name: RegExp): Promise<void> => {
    const field = screen.getByRole("combobox");
    await user.clear(field);
    await user.type(field, text);
    await user.click(await screen.findByRole("option", { name }));
  };
  return { ...page, choose };
}

it("opens the dialog that asks before the open run is cancelled, and stays on its part", async () => {
  const { choose, visited } = draw(`/runs/${ID}?tab=logs`);
  await choose("cancel", /Cancel this run/);
  await waitFor(() => expect(screen.getByText("cancel", { selector: "output" })).toBeTruthy());
  expect(window.location.search, "the address is as it was").toBe("?tab=logs");
  expect(visited).toEqual([]);
});

it("goes to the parts of the open run, and offers none elsewhere", async () => {
  const { choose, visited, unmount } = draw(`/runs/${ID}`);
  await choose("checkp", /Show its checkpoints/);
  expect(visited).toEqual([`/runs/${ID}?tab=checkpoints`]);
  expect(localStorage.getItem("s3.palette.recent"), "another run may be open next").toBeNull();
  unmount();
  draw("/runs");
  await userEvent.type(screen.getByRole("combobox"), "this run");
  await screen.findByText("Nothing is called that.");
});

it("chooses a language, and goes to dialogs of other pages", async () => {
  const { choose, visited } = draw("/");
  await choose("中文", /简体中文/);
  expect(document.cookie).toContain(`${LANGUAGE_COOKIE}=zh`);
  await choose("attach", /Attach a worker/);
  expect(visited).toEqual(["/workers?open=attach"]);
});
