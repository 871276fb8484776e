import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { TermHead } from "./head-label";
import { Help } from "./help";
import { MetricHelp } from "./metric-help";
import { RowTable } from "./row-table";
import { SortHead } from "./sort-head";

const drawHead = (head: React.ReactNode) =>
  renderPage(
    <table>
      <thead>
        <tr>{head}</tr>
      </thead>
    </table>,
  );

describe("help in the head of a column", () => {
  it("is reached by keyboard after the sorting, and says what the column shows", async () => {
    const user = userEvent.setup({ delay: null });
    const onSort = vi.fn();
    drawHead(
      <SortHead direction="descending" onSort={onSort} help={<Help term="advantage" />}>
        Advantage
      </SortHead>,
    );
    await user.tab();
    await user.keyboard("{Enter}");
    expect(onSort).toHaveBeenCalledTimes(1);
    await user.tab();
    const help = screen.getByRole("button", { name: "What is Advantage?" });
    expect(document.activeElement).toBe(help);
    await user.keyboard("{Enter}");
    const dialog = within(screen.getByRole("dialog", { name: "Advantage" }));
    expect(dialog.getByText(/How much better than expected an episode did/)).toBeTruthy();
    expect(dialog.getByRole("link").getAttribute("href")).toBe("/glossary#advantage");
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(onSort, "the help sorts nothing").toHaveBeenCalledTimes(1);
  });

  it("leaves the names of head and button as they were", () => {
    drawHead(
      <>
        <SortHead direction={undefined} onSort={vi.fn()} help={<Help term="action-tokens" />}>
          Tokens
        </SortHead>
        <TermHead help={<Help term="kappa" />}>κ</TermHead>
        <TermHead help={null}>Plain</TermHead>
      </>,
    );
    expect(screen.getByRole("columnheader", { name: "Tokens" }).textContent).toBe("Tokens");
    expect(screen.getByRole("button", { name: "Tokens" })).toBeTruthy();
    for (const name of ["κ", "Plain"])
      expect(screen.getByRole("columnheader", { name }).textContent).toBe(name);
  });

  it("stands in tables of rows, with a sorted column and with another", () => {
    renderPage(
      <RowTable
        columns={[
          {
            id: "a",
            header: "First",
            help: <MetricHelp metric="held-out/accuracy" />,
            width: "w-20",
            cell: String,
          },
          { id: "b", header: "Second", help: <Help term="kappa" />, width: "w-20", cell: String },
          { id: "c", header: "Third", width: "w-20", cell: String },
        ]}
        rows={["row"]}
        getKey={String}
        getSort={(id) => (id === "a" ? { direction: null, onSort: vi.fn() } : null)}
        minWidth=""
        rowHeight=""
      />,
    );
    expect(screen.getAllByRole("columnheader").map((head) => head.textContent)).toEqual([
      "First",
      "Second",
      "Third",
    ]);
    for (const name of ["First", "Second", "Third"])
      expect(screen.getByRole("columnheader", { name })).toBeTruthy();
    expect(screen.getAllByRole("button").map((button) => button.ariaLabel)).toEqual([
      null,
      "What is held-out/accuracy?",
      "What is Cohen's κ?",
    ]);
  });

  it("says of a metric what it means and which direction is better, and nothing of one that is not ours", async () => {
    const user = userEvent.setup({ delay: null });
    renderPage(
      <>
        <MetricHelp metric="actor/kl_loss" name="actor/kl_loss, best" />
        <MetricHelp metric="someone/else" />
      </>,
    );
    await user.click(screen.getByRole("button"));
    const dialog = screen.getByRole("dialog", { name: "actor/kl_loss, best" });
    expect(dialog.textContent).toMatch(/^actor\/kl_lossKL to the reference.+Less is better\.$/);
  });
});
