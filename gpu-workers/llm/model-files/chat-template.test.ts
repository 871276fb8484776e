import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Thinking } from "@/contracts/run-config/model";
import { generatorSchema } from "@/contracts/run-config/generator";
import { methodModelSchema } from "@/contracts/run-config/searcher";
import { CHATML_TEMPLATE, loadChatTemplate } from "./chat-template";

/** ChatML with a switch that, turned off, gives the model an empty thought. */
const WITH_SWITCH = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}`;
const CHAT = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Who?" },
] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "chat-template-"));
  await writeFile(join(folder, "chat_template.jinja"), WITH_SWITCH);
});
afterAll(() => rm(folder, { recursive: true }));
const load = (thinking?: Thinking) => loadChatTemplate(folder, () => true, thinking);

describe("thinking", () => {
  it("is switched by the template", async () => {
    const asked = CHATML_TEMPLATE.render(CHAT);
    expect((await load()).render(CHAT)).toBe(asked);
    expect((await load("template")).render(CHAT)).toBe(asked);
    expect((await load("on")).render(CHAT)).toBe(asked);
    expect((await load("off")).render(CHAT)).toBe(`${asked}<think>\n\n</think>\n\n`);
  });

  it("is part of the keys of what is asked otherwise, and of no others", async () => {
    expect((await load("template")).describe(CHAT)).toBeUndefined();
    expect((await load("on")).describe(CHAT)).toBeUndefined();
    expect((await load("off")).describe(CHAT)).toMatch(/^[0-9a-f]{8}$/);
  });

  it("is refused where nothing switches it", async () => {
    await writeFile(join(folder, "chat_template.jinja"), "{{ messages[0].content }}");
    await expect(load("off")).rejects.toThrow(/no switch for thinking/);
    await expect(load("template")).resolves.toBeDefined();
    await rm(join(folder, "chat_template.jinja"));
    await expect(load("on")).rejects.toThrow(/cannot be turned on/);
    const endpoint = "http://127.0.0.1:8000/v1";
    for (const schema of [generatorSchema, methodModelSchema]) {
      expect(schema.safeParse({ endpoint, thinking: "off" }).error?.message).toMatch(/endpoint/);
      expect(schema.safeParse({ endpoint }).success).toBe(true);
      expect(schema.safeParse({ thinking: "off" }).success).toBe(true);
    }
  });
});
