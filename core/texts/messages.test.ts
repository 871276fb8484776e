import { describe, expect, it } from "vitest";
import { planIndex } from "@/core/memory/index-plan";
import { createTranslate } from "./format-text";
import { markMessage } from "./mark-message";
import { createMessageReader } from "./messages";
import { CHINESE, CHINESE_TRANSLATION } from "./chinese";

const { message: read } = createTranslate("zh", CHINESE, CHINESE_TRANSLATION.readMessage);

describe("a message of server or worker", () => {
  it("is plain English where it is made", () => {
    expect(markMessage`${3} to train on, ${"none"} held out`).toBe("3 to train on, none held out");
    expect(createTranslate("en", {}).message("3 to train on, none held out")).toBe(
      "3 to train on, none held out",
    );
  });

  it("is read with its values, whatever these hold", () => {
    expect(read("12,400 to train on, 300 held out")).toBe("12,400 题用于训练，300 题留出");
    expect(read('There is no question set "a; b: c, d". Import it first.')).toBe(
      "没有问题集“a; b: c, d”。请先导入。",
    );
    expect(read("There is no run $& {0}.")).toBe("没有运行 $& {0}。");
  });

  it("is read in parts where it is made of several", () => {
    expect(
      read(
        "100 to train on, 20 held out; naive RAG known of 50 (50.0%) to train on, 7 of them as imported files have it",
      ),
    ).toBe(
      "100 题用于训练，20 题留出；已知 50 (50.0%) 个训练问题的朴素 RAG 结果，其中 7 个来自导入的文件",
    );
    expect(read("qwen: 5 of 90 parameters are trained; critic: 6 of 90")).toBe(
      "qwen：训练 5 of 90 个参数；critic：6 of 90",
    );
    expect(read("encoding documents (12/s, 5 min left): 24 / 300")).toBe(
      "正在编码文档（12/秒，剩余 5 min）：24 / 300",
    );
    expect(read("20 to answer, first 20, without yes and no")).toBe(
      "20 题待回答，前 20，不含是非题",
    );
  });

  it("is read within another", () => {
    expect(
      read(
        "The Tinker service at http://t cannot follow rl.klCoefficient: a service compares with no reference, give 0.",
      ),
    ).toBe(
      "位于 http://t 的 Tinker 服务不支持：rl.klCoefficient：服务不与参考模型比较，请设为 0。",
    );
  });

  it("is known by its end where lists stand in it", () => {
    const limits = "rl.klCoefficient: a service compares with no reference, give 0; rl.topP: x";
    expect(
      read(
        `box trains at a Tinker service, which cannot follow ${limits}. Change these, or attach a worker without --tinker-url; the pool a is paused; the pool b has all of its 3 workers`,
      ),
    ).toBe(
      "box 在 Tinker 服务上训练，该服务不支持：rl.klCoefficient：服务不与参考模型比较，请设为 0; rl.topP: x。请更改这些设置，或接入一个不带 --tinker-url 的工作节点；资源池 a 已暂停；资源池 b 的 3 个工作节点已全部占用",
    );
  });

  it("may hold a whole text of the interface", () => {
    const [title] = Object.keys(CHINESE).filter((text) => text === "Generation accuracy");
    expect(read(`Nothing was imported. ${title ?? "Held-out questions"}`)).toMatch(
      /^未导入任何内容。\p{Script=Han}/u,
    );
  });

  it("keeps what stands in quotes, which is a name, also where it is a text of the interface", () => {
    expect(CHINESE["New run"]).toBeDefined();
    expect(read('There is a pool "New run" already.')).toContain("New run");
  });

  it("stays as it is where nobody has translated it, and the known part is read beside it", () => {
    for (const unknown of ["", "x", "connect ECONNREFUSED 127.0.0.1:1; at least: so, they say"])
      expect(read(unknown)).toBe(unknown);
    expect(read("the pool box tries again soon: sbatch: error: Batch; job refused")).toBe(
      "资源池 box 将很快重试：sbatch: error: Batch; job refused",
    );
    expect(read(`${"no worker is attached; ".repeat(400)}`)).toHaveLength(23 * 400);
  });

  it("of the reasons for an index is read", () => {
    const spec = { index: "auto", dim: 384, memoryBytes: 8 * 2 ** 30 };
    for (const count of [1_000, 6_000_000, 30_000_000, 400_000_000]) {
      const { reason } = planIndex({ ...spec, count });
      expect(read(reason), reason).not.toMatch(/[a-z]{4}/);
    }
  });
});

it("the most particular template is taken, in time that grows with the message", () => {
  const readSmall = createMessageReader({
    "the model {0}": "模型 {0}",
    "the model {0} is gone from {1}": "{1} 上的模型 {0} 已不在",
    "{0} of {1} of {2} of {3} of {4} are here": "{4}{3}{2}{1}{0}",
  });
  expect(readSmall("the model a is gone from b")).toBe("b 上的模型 a 已不在");
  const began = performance.now();
  readSmall(`${" of ".repeat(900)}are not`);
  for (const sign of [", ", ": ", "; ", '", "a": [1, 2]; ']) read(sign.repeat(3_900 / sign.length));
  expect(performance.now() - began).toBeLessThan(1_000);
});
