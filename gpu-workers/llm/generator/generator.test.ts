import { createServer, type IncomingMessage, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Answer } from "@/contracts/records/episode";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { CHATML_TEMPLATE } from "@/gpu-workers/llm/model-files/chat-template";
import { documentPrompt } from "@/core/prompts/generating";
import { buildQuestionText } from "@/core/scoring/rule-scoring";
import { listenLocally } from "@/lib/testing/listen-locally";
import { createEndpointBackend } from "./endpoint-backend";
import { Generator, type AnswerStore, type GeneratorBackend } from "./generator";
import { createChatStyle, createFewShotStyle, type GenerationRequest } from "./prompt-style";

const fast: Partial<EndpointOptions> = {
  timeoutMs: 200,
  retryBudgetMs: 600,
  firstPauseMs: 20,
  longestPauseMs: 50,
  apiKey: "secret",
};
/** For a test that counts requests: a busy machine answers late, and what is late is asked again. */
const patient = { ...fast, timeoutMs: 10_000, retryBudgetMs: 30_000 };
const request = (question: string): GenerationRequest => ({
  question,
  documents: [{ title: "T", text: "Quito is the\ncapital.", hash: "h1" }],
});
const signal = new AbortController().signal;
const asked = createChatStyle();
const fewShot = createFewShotStyle([
  { question: "Of Peru?", answer: "Lima", texts: ["Lima is the capital."] },
]);
const nowhere: AnswerStore = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};

describe("prompts", () => {
  it("few-shot: worked examples, then the question, left open", () => {
    expect(fewShot.renderPrompt(request("Of Ecuador?"))).toBe(
      "Lima is the capital.\nQuestion: Of Peru?\nAnswer: Lima\n\nQuito is the capital.\nQuestion: Of Ecuador?\nAnswer:",
    );
  });
  it("chat: contexts from the system, question from the user, special tokens of others broken", () => {
    const text = CHATML_TEMPLATE.render(
      asked.renderMessages({ question: "a <|im_end|> b", documents: request("").documents }),
    );
    expect(text).toContain("Context 1 (T): Quito is the capital.");
    expect(text).toContain("<|im_start|>user\na < |im_end|> b<|im_end|>\n<|im_start|>assistant\n");
  });
  it("chat: a person's text in place of the built-in one, named by its hash", () => {
    const own = createChatStyle(
      "--- system ---\nAnswer in Spanish.\n--- user ---\n{documents}\n\nQ: {question}",
    );
    expect(own.renderMessages(request("{documents}?"))).toEqual([
      { role: "system", content: "Answer in Spanish." },
      { role: "user", content: "Context 1 (T): Quito is the capital.\n\nQ: {documents}?" },
    ]);
    expect([own.label, asked.label]).toEqual([
      expect.stringMatching(/^chat\/edited-[0-9a-f]{16}$/),
      "chat/1",
    ]);
  });
  it("chat: documents in a person's form, with their line breaks, as the released code writes them", () => {
    const style = createChatStyle(null, "Doc {number} (Title: {title})\n{text}\n");
    const [system] = style.renderMessages({
      question: "Who?",
      documents: [
        { title: "Ada Reyes", text: "Ada Reyes painted it.\nShe was born in 1901.", hash: "a" },
        { title: "{text}", text: "<|im_end|>", hash: "b" },
      ],
    });
    expect(system!.content).toMatch(
      /\n\nDoc 1 \(Title: Ada Reyes\)\nAda Reyes painted it\.\nShe was born in 1901\.\n\nDoc 2 \(Title: \{text\}\)\n< \|im_end\|>\n$/,
    );
    expect(style.label).toMatch(/^chat\/1, document\/edited-[0-9a-f]{16}$/);
    // The built-in form is no form of one's own.
    expect(createChatStyle(null, documentPrompt.text).label).toBe("chat/1");
  });
  it("chat: options stand where the prompt has a place for them, else within the question", () => {
    const asked = buildQuestionText({
      question: "Which?",
      options: {
        choices: [
          { letter: "A", text: "one" },
          { letter: "B", text: "two" },
        ],
        answer: "B",
      },
    });
    const render = (user: string, question = asked): string | undefined =>
      createChatStyle(`--- user ---\n${user}`)
        .renderMessages({ ...question, documents: [] })
        .at(-1)?.content;
    expect(render("{documents}{options}\nQ: {question}")).toBe("A. one\nB. two\nQ: Which?");
    expect(render("{documents}Q: {question}")).toBe("Q: Which? Options: A. one B. two");
    expect(
      render("{documents}[{options}] {question}", buildQuestionText({ question: "Why?" })),
    ).toBe("[] Why?");
  });
  it.each([
    [
      { generator: { documentTemplate: "{title}" } },
      "generator.documentTemplate",
      "the placeholder {text} is missing",
    ],
    [
      { generator: { promptStyle: "few-shot", documentTemplate: "{text}" } },
      "generator.documentTemplate",
      "no such prompt",
    ],
    [
      { generator: { promptTemplate: "{question}" } },
      "generator.promptTemplate",
      "the placeholder {documents} is missing",
    ],
    [
      { generator: { promptTemplate: "{question} {documents}\n--- assistant ---\nThe answer:" } },
      "generator.promptTemplate",
      "no assistant's section",
    ],
    [
      { generator: { promptStyle: "few-shot", promptTemplate: "{question} {documents}" } },
      "generator.promptTemplate",
      "no such prompt",
    ],
    [
      { judge: { promptTemplate: "{question} {golds}" } },
      "judge.promptTemplate",
      "the placeholder {answer} is missing",
    ],
  ])("%j is refused", (settings, path, message) => {
    for (const kind of ["predict", "train"])
      expect(
        runConfigSchema
          .safeParse({ kind, name: "x", seed: 0, ...settings })
          .error?.issues.map((issue) => [issue.path.join("."), issue.message]),
      ).toEqual([[path, expect.stringContaining(message)]]);
  });
});

describe("the generator", () => {
  const backend = (): GeneratorBackend & { asked: string[] } => {
    const asked: string[] = [];
    return {
      asked,
      identity: { endpoint: "x" },
      batchSize: 2,
      complete: (requests) =>
        requests.map(({ question }) => {
          asked.push(question);
          const text = ` ${question}!\nnext line`;
          return Promise.resolve({
            text,
            content: text,
            thoughts: null,
            finish: "stop" as const,
            seconds: 0,
          });
        }),
    };
  };

  it("asks once for equal requests, in batches, and cuts at the stop string", async () => {
    const inner = backend();
    const generator = new Generator("m", fewShot, 8, inner, nowhere);
    const answers = await generator.answer(["a", "b", "a", "c"].map(request), signal);
    expect(answers.map(({ text }) => text)).toEqual(["a!", "b!", "a!", "c!"]);
    expect(inner.asked).toEqual(["a", "b", "c"]);
    await generator.answer([request("b")], signal);
    expect(inner.asked).toHaveLength(3);
  });

  it("a call that waits for another's answer fails only where that answer failed, and ends after its own", async () => {
    const held = new Map<string, { answer: () => void; fail: () => void }>();
    const slow: GeneratorBackend = {
      identity: { endpoint: "x" },
      batchSize: 8,
      complete: (requests) =>
        requests.map(
          ({ question: text }) =>
            new Promise((resolve, reject) =>
              held.set(text, {
                answer: () =>
                  resolve({ text, content: text, thoughts: null, finish: "stop", seconds: 0 }),
                fail: () => reject(new Error(`no answer to ${text}`)),
              }),
            ),
        ),
    };
    const saved: string[] = [];
    const generator = new Generator("m", asked, 8, slow, {
      ...nowhere,
      saveAnswers: (answers) => Promise.resolve(void saved.push(...answers.map((a) => a.text))),
    });
    const ask = (...questions: string[]) => generator.answer(questions.map(request), signal);
    const first = ask("a", "b");
    const ofA = ask("a");
    const ofB = ask("b", "c").finally(() => saved.push("end of b and c"));
    while (held.size < 3) await new Promise((resolve) => setImmediate(resolve));
    held.get("a")!.answer();
    held.get("b")!.fail();
    await expect(first).rejects.toThrow("no answer to b");
    expect((await ofA).map(({ text }) => text)).toEqual(["a"]);
    held.get("c")!.answer();
    await expect(ofB).rejects.toThrow("no answer to b");
    expect(saved).toEqual(["a", "c", "end of b and c"]);
  });

  it("finds stored answers, saves new ones, and takes up what was remembered", async () => {
    const saved: Answer[] = [];
    const first = new Generator("m", fewShot, 8, backend(), {
      ...nowhere,
      saveAnswers: (answers) => Promise.resolve(void saved.push(...answers)),
    });
    await first.answer([request("a")], signal);
    const inner = backend();
    const second = new Generator("m", fewShot, 8, inner, {
      ...nowhere,
      findAnswers: (keys) =>
        Promise.resolve(
          new Map(saved.filter(({ key }) => keys.includes(key)).map((a) => [a.key, a])),
        ),
    });
    expect((await second.answer([request("a")], signal))[0]).toEqual(saved[0]);
    const third = new Generator("m", fewShot, 8, inner, nowhere);
    third.addAnswers(second.listAnswers());
    await third.answer([request("a")], signal);
    expect(inner.asked).toEqual([]);
  });

  it("keys answers by question, documents, model, style and length", async () => {
    const key = async (generator: Generator, r: GenerationRequest) =>
      (await generator.answer([r], signal))[0]!.key;
    const base = await key(new Generator("m", fewShot, 8, backend(), nowhere), request("a"));
    const others = await Promise.all([
      key(new Generator("m2", fewShot, 8, backend(), nowhere), request("a")),
      key(new Generator("m", asked, 8, backend(), nowhere), request("a")),
      key(
        new Generator("m", createChatStyle("{question} {documents}"), 8, backend(), nowhere),
        request("a"),
      ),
      key(new Generator("m", createFewShotStyle([]), 8, backend(), nowhere), request("a")),
      key(new Generator("m", fewShot, 9, backend(), nowhere), request("a")),
      key(new Generator("m", fewShot, 8, backend(), nowhere), request("b")),
      key(new Generator("m", fewShot, 8, backend(), nowhere), { question: "a", documents: [] }),
    ]);
    expect(new Set([base, ...others]).size).toBe(8);
  });
});

/** Texts of completions. */
const readTexts = async (completions: Promise<{ text: string }>[]): Promise<string[]> =>
  (await Promise.all(completions)).map(({ text }) => text);

describe("an endpoint", () => {
  let server: Server | undefined;
  afterEach(() => void server?.close());

  async function serve(
    handle: (
      call: number,
      body: Record<string, unknown>,
      message: IncomingMessage,
    ) => { status: number; body: unknown } | "hang",
  ): Promise<string> {
    let calls = 0;
    server = createServer((message, response) => {
      let text = "";
      message.on("data", (chunk: Buffer) => (text += chunk.toString()));
      message.on("end", () => {
        const answer = handle(++calls, JSON.parse(text) as Record<string, unknown>, message);
        if (answer === "hang") return;
        response
          .writeHead(answer.status, { "content-type": "application/json" })
          .end(JSON.stringify(answer.body));
      });
    });
    return `${await listenLocally(server)}/v1`;
  }
  const chat = (content: string) => ({
    status: 200,
    body: { choices: [{ message: { content } }] },
  });

  it("is asked greedily, with the key, as chat or completion", async () => {
    const seen: [string | undefined, string | undefined, unknown][] = [];
    const url = await serve((_, body, message) => {
      seen.push([message.url, message.headers.authorization, body.temperature]);
      return body.messages
        ? chat("Quito")
        : { status: 200, body: { choices: [{ text: " Quito" }] } };
    });
    expect(
      await readTexts(
        createEndpointBackend(`${url}/`, "m", asked, 8, patient).complete([request("a")], signal),
      ),
    ).toEqual(["Quito"]);
    expect(
      await readTexts(
        createEndpointBackend(url, "m", fewShot, 8, patient).complete([request("a")], signal),
      ),
    ).toEqual([" Quito"]);
    expect(seen).toEqual([
      ["/v1/chat/completions", "Bearer secret", 0],
      ["/v1/completions", "Bearer secret", 0],
    ]);
  });

  it.each([429, 500, 503])("is waited for after status %i", async (status) => {
    const url = await serve((call) =>
      call < 3 ? { status, body: { error: "busy" } } : chat("Quito"),
    );
    expect(
      await readTexts(
        createEndpointBackend(url, "m", asked, 8, fast).complete([request("a")], signal),
      ),
    ).toEqual(["Quito"]);
  });

  it("is waited for when it hangs", async () => {
    const url = await serve((call) => (call === 1 ? "hang" : chat("Quito")));
    expect(
      await readTexts(
        createEndpointBackend(url, "m", asked, 8, fast).complete([request("a")], signal),
      ),
    ).toEqual(["Quito"]);
  });

  it("that stays down is an error with the reason, never an answer", async () => {
    const down = createEndpointBackend("http://127.0.0.1:9/v1", "m", asked, 8, fast);
    await expect(readTexts(down.complete([request("a")], signal))).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("not available") as unknown,
    });
    const url = await serve(() => ({ status: 503, body: { error: "loading" } }));
    await expect(
      readTexts(createEndpointBackend(url, "m", asked, 8, fast).complete([request("a")], signal)),
    ).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("loading") as unknown,
    });
  });

  it("that refuses is not asked again", async () => {
    let calls = 0;
    const url = await serve(() => (calls++, { status: 404, body: { error: "no such model" } }));
    await expect(
      readTexts(createEndpointBackend(url, "m", asked, 8, fast).complete([request("a")], signal)),
    ).rejects.toMatchObject({ message: expect.stringContaining("no such model") as unknown });
    expect(calls).toBe(1);
  });

  it("that answers something else is an error", async () => {
    const url = await serve(() => ({ status: 200, body: { choices: [] } }));
    await expect(
      readTexts(createEndpointBackend(url, "m", asked, 8, fast).complete([request("a")], signal)),
    ).rejects.toMatchObject({ code: "generator-unavailable" });
  });

  it("stops waiting when it is cancelled", async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    await expect(
      readTexts(
        createEndpointBackend("http://127.0.0.1:9/v1", "m", asked, 8, {
          ...fast,
          retryBudgetMs: 10_000,
        }).complete([request("a")], abort.signal),
      ),
    ).rejects.toMatchObject({ code: "cancelled" });
  });
});
