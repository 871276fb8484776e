"use client";
import {
  keepPreviousData,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryKey,
} from "@tanstack/react-query";
import { useTRPC, useTRPCClient, type LogEntry } from "./trpc";

/** Lines that are read at once. */
const PAGE = 2000;
/** Newest lines that are read again with those after them: of two that are written at once the later id can be there first. */
const OVERLAP = 100;

/** Which lines: a level and the graver ones, with a part of message or source; without a text all. */
interface LogFilter {
  level: LogEntry["level"];
  text: string;
}

/** The newest lines of a log, oldest first. */
interface RunLog {
  lines: readonly LogEntry[];
  /** There may be lines before them. */
  hasEarlier: boolean;
  /** Pages that the reader asked for. */
  pages: number;
}

type ReadLines = (range: {
  after?: string;
  before?: string;
}) => Promise<{ lines: readonly LogEntry[] }>;

async function readNewest(read: ReadLines): Promise<RunLog> {
  const { lines } = await read({});
  return { lines, hasEarlier: lines.length >= PAGE, pages: 1 };
}

/** Puts lines after an anchor in place of those that are there. Of a log that grew long the oldest are let go. */
function appendLines(log: RunLog, anchor: string, after: readonly LogEntry[]): RunLog {
  const at = log.lines.findIndex(({ id }) => id === anchor);
  const isSame =
    log.lines.length - at - 1 === after.length && log.lines.at(-1)?.id === after.at(-1)?.id;
  if (isSame) return log;
  const lines = [...log.lines.slice(0, at + 1), ...after];
  const most = log.pages * PAGE;
  return lines.length <= most + PAGE
    ? { ...log, lines }
    : { ...log, lines: lines.slice(-most), hasEarlier: true };
}

/**
 * The log of a run. The first time its last lines are read; an event brings those after them, and `readEarlier` those
 * before them. `readWhole` reads all lines that pass the filter, oldest first, a page at a time.
 */
export function useRunLog(id: string, { level, text }: LogFilter) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  const input = { id, level, ...(text && { text }) };
  const queryKey: QueryKey = trpc.runs.logs.queryOptions(input).queryKey;
  const get = () => queryClient.getQueryData<RunLog>(queryKey);
  const query = useQuery<RunLog>({
    queryKey,
    queryFn: async ({ signal }): Promise<RunLog> => {
      const read: ReadLines = (range) =>
        client.runs.logs.query({ ...input, ...range, limit: PAGE }, { signal });
      const anchor = get()?.lines.at(-OVERLAP - 1)?.id;
      if (anchor === undefined) return readNewest(read);
      const { lines } = await read({ after: anchor });
      // Earlier lines may have come meanwhile.
      const log = get();
      // So many came that there are more: the page was away for long.
      return log && lines.length < PAGE ? appendLines(log, anchor, lines) : readNewest(read);
    },
    placeholderData: keepPreviousData,
    // What did not change is the same object already; comparing thousands of lines would only take time.
    structuralSharing: false,
  });
  const earlier = useMutation({
    mutationFn: async () => {
      const first = get()?.lines[0]?.id;
      if (first === undefined) return;
      const { lines } = await client.runs.logs.query({ ...input, before: first, limit: PAGE });
      queryClient.setQueryData<RunLog>(queryKey, (log) =>
        // The lines may have been read anew meanwhile.
        log?.lines[0]?.id === first
          ? {
              lines: [...lines, ...log.lines],
              hasEarlier: lines.length >= PAGE,
              pages: log.pages + 1,
            }
          : log,
      );
    },
  });
  async function* readWhole(): AsyncGenerator<readonly LogEntry[]> {
    let after = "0";
    for (;;) {
      const { lines } = await client.runs.logs.query({ ...input, after, limit: PAGE });
      yield lines;
      const last = lines.at(-1);
      if (last === undefined || lines.length < PAGE) return;
      after = last.id;
    }
  }
  return { query, earlier, readWhole };
}
