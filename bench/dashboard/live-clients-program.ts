/**
 * Clients that follow a run as its page does: one subscription each, reads of what an event touches at the page's pace,
 * series by cursor. Each cuts its connection every few seconds.
 *
 * usage: tsx live-clients-program.ts ADDRESS RUN CLIENTS HISTORY STEPS, steps after those of the history; ends with its input, and prints what they had as JSON
 */
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from "@trpc/client";
import WebSocket from "ws";
import { listQueriesToRefresh, type LiveEvent } from "@/app/_lib/live/live-topics";
import { RefreshPace } from "@/app/_lib/live/refresh-pace";
import type { MetricSeries } from "@/contracts/api/metrics";
import { transformer } from "@/contracts/api/transformer";
import { mergeSeries } from "@/core/metrics/columns";
import type { AppRouter } from "@/server/trpc/router";
import { LONG_NAMES } from "./fill-metrics";

const CUT_EVERY_MS = 10_000;
/** The one whose steps are counted. */
const COUNTED = "reward/mean";

const [address = "", runId = "", clients = "", history = "", steps = ""] = process.argv.slice(2);
const { origin, searchParams } = new URL(address);
const headers = { authorization: `Bearer ${searchParams.get("token")}` };

class AuthorizedWebSocket extends WebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { headers });
  }
}

class FollowingClient {
  readonly delays: number[] = [];
  cuts = 0;
  private series: MetricSeries | undefined;
  private pending = new Set<string>();
  private readonly pace = new RefreshPace(() => this.read());
  private readonly sockets = new Set<WebSocket>();
  private readonly socket = createWSClient({
    url: `${origin.replace(/^http/, "ws")}/trpc-ws`,
    WebSocket: this.buildSocketClass() as unknown as typeof globalThis.WebSocket,
    keepAlive: { enabled: true, intervalMs: 20_000, pongTimeoutMs: 5_000 },
  });
  private readonly client = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: wsLink({ client: this.socket, transformer }),
        false: httpBatchLink({ url: `${origin}/trpc`, headers, transformer, maxURLLength: 8_000 }),
      }),
    ],
  });

  /** Follows from now on. @param phase when in the round of CUT_EVERY_MS its connection is cut */
  async start(phase: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.client.live.events.subscribe(
        {},
        { onStarted: () => resolve(), onData: ({ data }) => this.note(data), onError: reject },
      );
    });
    await this.read();
    setTimeout(() => setInterval(() => this.cut(), CUT_EVERY_MS), phase);
  }

  private buildSocketClass(): typeof AuthorizedWebSocket {
    const { sockets } = this;
    return class extends AuthorizedWebSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets.add(this);
        this.once("close", () => sockets.delete(this));
      }
    };
  }

  private cut(): void {
    this.cuts += 1;
    for (const socket of this.sockets) socket.terminate();
  }

  private note(event: LiveEvent): void {
    for (const topic of listQueriesToRefresh(event))
      if (topic.runId === null || topic.runId === runId)
        for (const procedure of topic.procedures) this.pending.add(procedure);
    if (this.pending.size > 0) this.pace.ask();
  }

  /** What the run's page shows of what was touched, in one batch. */
  private async read(): Promise<void> {
    const pending = [...this.pending];
    this.pending.clear();
    const touched = (name: string): boolean =>
      this.series === undefined ||
      pending.some((procedure) => name === procedure || name.startsWith(`${procedure}.`));
    const { runs, alarms, metrics } = this.client;
    const since = this.series ? { [runId]: this.series.cursor } : undefined;
    const [answer] = await Promise.all([
      metrics.seriesOfRuns.query({
        runIds: [runId],
        names: [...LONG_NAMES],
        maxPoints: 500,
        since,
      }),
      touched("runs.get") ? runs.get.query({ id: runId }) : null,
      touched("runs.learning") ? runs.learning.query({ ids: [runId] }) : null,
      touched("alarms.list") ? alarms.list.query({ runId }) : null,
    ]);
    const known = this.listSteps().length;
    // What comes first is the run's history.
    const isFollowing = this.series !== undefined;
    this.series = mergeSeries(this.series, answer[runId]!);
    const now = Date.now();
    if (isFollowing)
      for (const at of this.series.series[COUNTED]?.ats.slice(known) ?? [])
        this.delays.push(now - at);
  }

  /** Steps of the counted metric in the order in which they came. */
  listSteps(): number[] {
    return this.series?.series[COUNTED]?.steps ?? [];
  }

  close(): void {
    void this.socket.close();
  }
}

const all = Array.from({ length: Number(clients) }, () => new FollowingClient());
await Promise.all(all.map((client, i) => client.start((CUT_EVERY_MS * i) / all.length)));
process.stdout.write("ready\n");
await new Promise((resolve) => process.stdin.resume().once("end", resolve));
const expected = Array.from({ length: Number(steps) }, (_, i) => Number(history) + i + 1);
const report = {
  missing: sum(all, (had) => expected.filter((step) => !had.includes(step)).length),
  doubled: sum(all, (had) => had.length - new Set(had).size),
  cuts: all.reduce((total, { cuts }) => total + cuts, 0),
  delays: all.flatMap(({ delays }) => delays),
};
process.stdout.write(JSON.stringify(report), () => process.exit(0));

function sum(of: readonly FollowingClient[], count: (steps: number[]) => number): number {
  return of.reduce((total, client) => total + count(client.listSteps()), 0);
}
