import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import type { LogEntry } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { useRunLog } from "./use-run-log";

const createLine = (n: number): LogEntry => ({
  id: String(n),
  at: new Date(1_700_000_000_000 + n),
  level: "info",
  source: "train",
  message: `line ${n}`,
  attempt: 1,
});

const whole: string[] = [];

function Log() {
  const { query, earlier, readWhole } = useRunLog("r", { level: "info", text: "" });
  const { lines = [], hasEarlier } = query.data ?? {};
  const read = async () => {
    for await (const page of readWhole()) whole.push(...page.map(({ id }) => id));
  };
  return (
    <>
      <output>
        {lines.length} from {lines[0]?.id}
        {hasEarlier ? ", more" : ""}
      </output>
      <button onClick={() => earlier.mutate()}>earlier</button>
      <button onClick={() => void read()}>whole</button>
    </>
  );
}

/** A log of so many lines, answered as the server does. `asked` lists what was asked for. */
function draw(count: number) {
  const stored = Array.from({ length: count }, (_, n) => createLine(n + 1));
  const asked: { after?: string | null; before?: string | null }[] = [];
  const view = renderPage(<Log />, {
    "runs.logs": ({ after, before, limit = 500 }) => {
      asked.push({ after, before });
      if (after) return { lines: stored.filter(({ id }) => +id > +after).slice(0, limit) };
      return { lines: stored.filter(({ id }) => !before || +id < +before).slice(-limit) };
    },
  });
  const tellOfLines = async (...lines: number[]) => {
    stored.push(...lines.map(createLine));
    stored.sort((a, b) => +a.id - +b.id);
    await view.queryClient.invalidateQueries();
  };
  const expectShown = (text: string) =>
    waitFor(() => expect(screen.getByRole("status").textContent).toBe(text));
  return { asked, tellOfLines, expectShown };
}
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n);

it("reads the last lines, and those before them when it is asked", async () => {
  const { asked, expectShown } = draw(4050);
  await expectShown("2000 from 2051, more");
  fireEvent.click(screen.getByText("earlier"));
  await expectShown("4000 from 51, more");
  fireEvent.click(screen.getByText("earlier"));
  await expectShown("4050 from 1");
  expect(asked).toEqual([{}, { before: "2051" }, { before: "51" }]);
});

it("reads after an event only what may be new, a line that came late too", async () => {
  const { asked, tellOfLines, expectShown } = draw(2050);
  await expectShown("2000 from 51, more");
  await tellOfLines(2052);
  await expectShown("2001 from 51, more");
  await tellOfLines(2051);
  await expectShown("2002 from 51, more");
  expect(asked).toEqual([{}, { after: "1950" }, { after: "1951" }]);
});

it("lets the oldest lines go of a log that grows, and begins anew after a long time away", async () => {
  const { asked, tellOfLines, expectShown } = draw(2000);
  await expectShown("2000 from 1, more");
  for (const from of [2001, 3001]) {
    await tellOfLines(...range(from, from + 999));
    await expectShown(`${from + 999} from 1, more`);
  }
  await tellOfLines(4001);
  await expectShown("2000 from 2002, more");
  await tellOfLines(...range(4002, 8000));
  await expectShown("2000 from 6001, more");
  expect(asked.slice(-2)).toEqual([{ after: "3901" }, {}]);
});

it("reads the whole log from its first line", async () => {
  const { asked, expectShown } = draw(2010);
  await expectShown("2000 from 11, more");
  fireEvent.click(screen.getByText("whole"));
  await waitFor(() => expect(whole).toEqual(range(1, 2010).map(String)));
  expect(asked.slice(1)).toEqual([{ after: "0" }, { after: "2000" }]);
});
