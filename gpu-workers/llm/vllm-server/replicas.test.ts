import { describe, expect, it } from "vitest";
import type { CompletionRequest, TokenCompletion, VllmClient } from "./client";
import { VllmReplicas } from "./replicas";

const signal = new AbortController().signal;

/** A server that answers when the test says so. */
class HeldServer {
  readonly asked: number[][] = [];
  private readonly waiting: (() => void)[] = [];
  most = 0;

  complete(request: CompletionRequest): Promise<TokenCompletion[]> {
    this.asked.push([...request.prompt]);
    return new Promise((resolve) => {
      this.waiting.push(() => resolve([]));
      this.most = Math.max(this.most, this.waiting.length);
    });
  }

  answerAll(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }
}

function open(count: number) {
  const servers = Array.from({ length: count }, () => new HeldServer());
  const replicas = new VllmReplicas(servers as unknown as VllmClient[]);
  const ask = (prompt: number[], session: string | null): void =>
    void replicas.complete({ prompt } as unknown as CompletionRequest, session, signal);
  return { servers, replicas, ask };
}

describe("requests to several servers", () => {
  it("of an episode go where its earlier turns were read, whatever else that server has to do", () => {
    const { servers, ask } = open(2);
    ask([1], "a");
    for (let i = 0; i < 100; i++) ask([1, 2, i], "a");
    expect(servers.map(({ asked }) => asked.length)).toEqual([101, 0]);
  });

  it("of one question's samples go to one server, those of other questions to the idlest", () => {
    const { servers, ask } = open(2);
    for (let sample = 0; sample < 4; sample++)
      for (const question of [1, 2, 3, 4]) ask([question], `${question}-${sample}`);
    const questions = servers.map(({ asked }) => [...new Set(asked.flat())].sort());
    expect(questions.flat().sort()).toEqual([1, 2, 3, 4]);
    expect(servers.map(({ asked }) => asked.length)).toEqual([8, 8]);
  });

  it("of one question that are too many for one server are spread", () => {
    const { servers, ask } = open(2);
    for (let sample = 0; sample < 200; sample++) ask([1], `${sample}`);
    const [first, second] = servers.map(({ asked }) => asked.length);
    expect(first! + second!).toBe(200);
    expect(Math.abs(first! - second!)).toBeLessThanOrEqual(17);
  });

  it("start anew where places are forgotten or sessions have ended", () => {
    const { servers, replicas, ask } = open(2);
    ask([1], "a");
    replicas.endSessions(["a"]);
    ask([2], "a");
    expect(servers.map(({ asked }) => asked)).toEqual([[[1]], [[2]]]);
    replicas.forgetPlaces();
    servers[0]!.answerAll();
  });

  it("are at most 256 at one server; the others wait and all are answered", async () => {
    const { servers, replicas } = open(1);
    const [server] = servers;
    const all = Array.from({ length: 600 }, (_, i) =>
      replicas.complete({ prompt: [i] } as unknown as CompletionRequest, null, signal),
    );
    expect(server!.asked).toHaveLength(256);
    let answered = 0;
    for (const one of all) void one.then(() => (answered += 1));
    while (answered < 600) {
      server!.answerAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server!.most).toBe(256);
  });

  it("need a server", () => expect(() => new VllmReplicas([])).toThrow("no vLLM server"));
});
