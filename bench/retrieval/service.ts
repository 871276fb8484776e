import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, open, readdir, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { retrieverSchema as retrieverConfig } from "@/contracts/run-config/retriever";
import { formatContents } from "@/contracts/formats/corpus-lines";
import { ROOT } from "@/lib/paths.mjs";
import { retrieveResponseWithScoresSchema } from "@/contracts/formats/retrieve";
import { computePercentile } from "@/gpu-workers/runtime/latency";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import { RetrieveService } from "@/gpu-workers/retrieval/service/retrieve-service";
import { buildBar, printTable } from "@/bench/report/report";
import { ensurePeerPython } from "@/bench/peers/venv";
import { loadQuestionSets } from "./data";
import type { Section, SectionResult } from "./section";
import { findFreePort } from "@/lib/free-port.mjs";

/**
 * Our /retrieve service against a FastAPI server that works as upstream's (bench/peers/retrieve_server.py): the same
 * corpus and vectors, the same weights in fp32, distinct queries, one query a request, over loopback. The two take turns
 * at each number of clients.
 */
const PASSAGES = Number(process.env.S3_BENCH_SERVED_PASSAGES ?? 10_000);
const CLIENTS = [1, 16, 64];
/** Each turn of a system at a number of clients. */
const SECONDS = Number(process.env.S3_BENCH_SERVE_SECONDS ?? 8);
const TURNS = 2;
const TOPK = 3;

export const serviceSection: Section = {
  name: "service",
  about: "/retrieve under load against a FastAPI server that works as upstream's",
  run,
};

interface Load {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

async function run(): Promise<SectionResult> {
  const { source, sets } = await loadQuestionSets();
  const passages = sets
    .flatMap((set) =>
      set.passages.map((passage) => ({ ...passage, id: `${set.name}/${passage.id}` })),
    )
    .slice(0, PASSAGES);
  const queries = collectDistinct(sets.flatMap((set) => set.questions.map(({ text }) => text)));
  // Encoded once: the folder stays between runs.
  const folder = join(ROOT, "bench", ".work", `served-${passages.length}`);
  await mkdir(folder, { recursive: true });
  const corpus = join(folder, "corpus.jsonl");
  await writeFile(
    corpus,
    passages
      .map(
        ({ id, title, text }) =>
          `${JSON.stringify({ id, contents: formatContents({ title, text }) })}\n`,
      )
      .join(""),
  );
  console.log(`${passages.length} passages and ${queries.length} distinct queries: ${source}`);
  const retriever = await openRetriever(retrieverConfig.parse({ kind: "dense", index: "Flat" }), {
    corpusPath: () => corpus,
    dataDir: folder,
    onProgress: ({ phase, done, total }) => {
      if (phase === "encoding" && done % 1024 === 0) console.log(`encoded ${done} of ${total}`);
    },
  });
  const service = await RetrieveService.start(retriever);
  const peer = await startPeer(await findFaissFile(folder), corpus);
  try {
    const urls = { ours: service.url, peer: peer.url };
    const same = await measureAgreement(urls, queries.slice(0, 100));
    const loads: Record<keyof typeof urls, Record<number, Load>> = { ours: {}, peer: {} };
    for (const clients of CLIENTS) {
      const turns: Record<keyof typeof urls, Load[]> = { ours: [], peer: [] };
      for (let turn = 0; turn < TURNS; turn++) {
        for (const name of turn % 2 === 0
          ? (["ours", "peer"] as const)
          : (["peer", "ours"] as const))
          turns[name].push(await load(urls[name], clients, queries));
      }
      for (const name of ["ours", "peer"] as const)
        loads[name][clients] = combineTurns(turns[name]);
    }
    const cells = (clients: number, one: Load | undefined): string[] => [
      String(clients),
      (one?.perSecond ?? 0).toFixed(1),
      (one?.p50Ms ?? 0).toFixed(1),
      (one?.p99Ms ?? 0).toFixed(1),
    ];
    printTable([
      ["/retrieve", "clients", "requests/s", "p50 ms", "p99 ms"],
      ...CLIENTS.flatMap((clients) => [
        ["ours", ...cells(clients, loads.ours[clients])],
        ["FastAPI, as upstream's", ...cells(clients, loads.peer[clients])],
      ]),
    ]);
    const most = CLIENTS.at(-1) ?? 64;
    return {
      figures: {
        source,
        passages: passages.length,
        queries: queries.length,
        topk: TOPK,
        secondsPerTurn: SECONDS,
        turns: TURNS,
        loads,
        sameFirstDocument: same,
        memoryMb: service.readMetrics().memoryMb,
      },
      bars: [
        buildBar(
          `/retrieve: requests a second at ${most} clients, relative to FastAPI`,
          (loads.ours[most]?.perSecond ?? 0) / (loads.peer[most]?.perSecond ?? Infinity),
          "times",
          ">=",
          2,
        ),
        buildBar("/retrieve: same first document as the peer's", same, "share", ">=", 0.99),
      ],
    };
  } finally {
    peer.child.kill("SIGTERM");
    await service.stop();
    await retriever.close();
  }
}

/**
 * Clients that each send the next query as soon as they are answered, for some seconds after a warm-up. Any failure
 * ends the bench.
 */
async function load(url: string, clients: number, queries: readonly string[]): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const times: number[] = [];
  let next = Math.floor(Math.random() * queries.length);
  const ask = async (until: number, record: boolean): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      await post(agent, url, queries[next++ % queries.length] ?? "");
      if (record) times.push(performance.now() - began);
    }
  };
  const phase = (seconds: number, record: boolean): Promise<void[]> => {
    const until = performance.now() + seconds * 1000;
    return Promise.all(Array.from({ length: clients }, () => ask(until, record)));
  };
  try {
    await phase(1, false);
    const began = performance.now();
    await phase(SECONDS, true);
    const seconds = (performance.now() - began) / 1000;
    return {
      requests: times.length,
      perSecond: times.length / seconds,
      p50Ms: computePercentile(times, 0.5) ?? 0,
      p99Ms: computePercentile(times, 0.99) ?? 0,
    };
  } finally {
    agent.destroy();
  }
}

/** The mean of the turns; the worse of their 99th percentiles. */
function combineTurns(turns: readonly Load[]): Load {
  const mean = (of: (turn: Load) => number): number =>
    turns.reduce((sum, turn) => sum + of(turn), 0) / turns.length;
  return {
    requests: turns.reduce((sum, turn) => sum + turn.requests, 0),
    perSecond: mean((turn) => turn.perSecond),
    p50Ms: mean((turn) => turn.p50Ms),
    p99Ms: Math.max(...turns.map((turn) => turn.p99Ms)),
  };
}

function post(agent: Agent, url: string, query: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ queries: [query], topk: TOPK, return_scores: true });
    const sent = request(
      `${url}/retrieve`,
      {
        method: "POST",
        agent,
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("end", () =>
          response.statusCode === 200
            ? resolve(text)
            : reject(new Error(`${url} answered ${response.statusCode}: ${text.slice(0, 200)}`)),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Share of queries whose first document is the same: both must do the same work. */
async function measureAgreement(
  urls: { ours: string; peer: string },
  queries: readonly string[],
): Promise<number> {
  const agent = new Agent({ keepAlive: true });
  const first = async (url: string, query: string): Promise<string | undefined> =>
    retrieveResponseWithScoresSchema.parse(JSON.parse(await post(agent, url, query))).result[0]?.[0]
      ?.document.id;
  let same = 0;
  for (const query of queries)
    if ((await first(urls.ours, query)) === (await first(urls.peer, query))) same += 1;
  agent.destroy();
  return same / queries.length;
}

async function startPeer(
  index: string,
  corpus: string,
): Promise<{ url: string; child: ChildProcess }> {
  const port = await findFreePort();
  const child = spawn(
    await ensurePeerPython("retrieval"),
    [join(ROOT, "bench", "peers", "retrieve_server.py"), index, corpus, String(port)],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors = (errors + data.toString()).slice(-2000)));
  const url = `http://127.0.0.1:${port}`;
  for (let waited = 0; waited < 240; waited++) {
    if (child.exitCode !== null) break;
    if ((await fetch(`${url}/ready`).catch(() => null))?.ok) return { url, child };
    await sleep(500);
  }
  child.kill("SIGKILL");
  throw new Error(`the peer did not start:\n${errors}`);
}

/** The file of FAISS that our index is kept in: the peer reads the same vectors. */
async function findFaissFile(folder: string): Promise<string> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const file = await open(path);
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    await file.close();
    if (/^Ix/.test(buffer.toString("latin1"))) return path;
  }
  throw new Error(`there is no FAISS index below ${folder}`);
}

function collectDistinct(texts: readonly string[]): string[] {
  const unique = [...new Set(texts)];
  // A small set is made larger by what changes the text a little, so that no cache could help either side.
  return unique.length >= 2000
    ? unique
    : unique.flatMap((text) => [text, `${text} Please answer.`, `Tell me: ${text}`]);
}
