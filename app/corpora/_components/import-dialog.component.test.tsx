import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { TaskDetail } from "@/app/_lib/live/trpc";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";
import type { CorpusPreviewResult } from "@/contracts/worker-protocol/tasks";
import { ImportDialog } from "./import-dialog";

const FOUND: CorpusPreviewResult = {
  file: "birds.csv",
  files: 1,
  reading: {
    gzip: false,
    form: "table",
    encoding: "utf-8",
    dialect: { delimiter: "semicolon", quoting: "doubled", lineBreak: "LF" },
    columns: ["doc", "text"],
    mapping: { id: "doc", title: null, text: ["text"] },
  },
  read: 3,
  isWhole: true,
  documents: [{ id: "7", title: "Heron", text: "It stands still." }],
  problems: [{ file: "birds.csv", line: 3, reason: "has 1 fields where the heading has 2" }],
  warnings: [{ file: "birds.csv", line: 4, reason: 'is used, but the id "1.2E+12" looks rounded' }],
};

/** The dialog; a preview finds the file readable once its id column is set. */
function draw() {
  const asked: CorpusSource[] = [];
  renderPage(<ImportDialog open onOpenChange={() => undefined} />, {
    "workers.list": () => [],
    "tasks.create": (input) => {
      if (input.kind === "corpus-preview") asked.push(input.source as CorpusSource);
      return { taskId: `00000000-0000-4000-8000-00000000000${asked.length}` };
    },
    "tasks.get": ({ id }) => {
      const source = asked[Number(id.at(-1)) - 1];
      const isRight = source?.kind === "path" && source.idColumn === "doc";
      const end = isRight
        ? { state: "succeeded", result: FOUND, error: null }
        : {
            state: "failed",
            result: null,
            error: { code: "invalid-input", message: 'birds.csv has no column "id"' },
          };
      return {
        id,
        kind: "corpus-preview",
        worker: { id, name: "local" },
        detail: "",
        fraction: 1,
        createdAt: new Date(),
        endedAt: new Date(),
        ...end,
      } as TaskDetail;
    },
  });
  return { asked, user: userEvent.setup({ delay: null }) };
}

describe("the preview of an import", () => {
  it("says what is wrong, follows the field that mends it, and shows what was found", async () => {
    const { asked, user } = draw();
    await user.click(screen.getByRole("switch", { name: /Build the default index/ }));
    const button = screen.getByRole("button", { name: "Preview" });
    expect(button).toHaveProperty("disabled", true);
    await user.click(screen.getByRole("tab", { name: "Path on the worker" }));
    await user.type(screen.getByLabelText("File or folder on the worker"), "/data/birds.csv");
    await user.click(button);
    const preview = await screen.findByRole("region", { name: "Preview" });
    await within(preview).findByText('birds.csv has no column "id"', {}, { timeout: 5000 });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ kind: "path", path: "/data/birds.csv", idColumn: "id" });

    const idColumn = screen.getByLabelText("Id column");
    expect(idColumn.closest("details")?.open).toBe(true);
    await user.clear(idColumn);
    await user.type(idColumn, "doc");
    const passages = await screen.findByRole("list", { name: "First passages" }, { timeout: 5000 });
    expect(passages.textContent).toContain("It stands still.");
    const shown = screen.getByRole("region", { name: "Preview" });
    expect(shown.textContent).toContain("delimiter semicolon, quotes doubled");
    expect(shown.textContent).toContain("id from doc");
    expect(within(shown).getByRole("list", { name: "Lines that cannot be used" }).textContent).toBe(
      "line 3 has 1 fields where the heading has 2",
    );
    expect(within(shown).getByRole("list", { name: "Lines to look at" }).textContent).toContain(
      'line 4 is used, but the id "1.2E+12"',
    );

    // Another source is not what was found.
    await user.type(screen.getByLabelText("File or folder on the worker"), ".gz");
    await waitFor(() => expect(screen.queryByRole("region", { name: "Preview" })).toBeNull());
  });
});
