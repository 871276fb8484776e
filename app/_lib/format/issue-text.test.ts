import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { CHINESE } from "@/core/texts/chinese";
import { createMirrorRequestSchema } from "@/contracts/api/mirrors";
import { createChannelRequestSchema } from "@/contracts/api/notifications";
import { formatIssueMessage } from "./issue-text";

const english = createText("en", {});
const chinese = createText("zh", CHINESE);
const long = "x".repeat(3_000);

describe("messages of schemas", () => {
  it("leaves unknown wording alone", () =>
    expect(formatIssueMessage(english, "of no schema")).toBe("of no schema"));

  it.each([
    [createMirrorRequestSchema, { name: "", address: { kind: "mlflow", url: "http://me@x" } }],
    [createMirrorRequestSchema, { name: long, address: { kind: "mlflow", url: "x", user: long } }],
    [createMirrorRequestSchema, { name: "a", address: { kind: "wandb", project: "a/b" } }],
    [createChannelRequestSchema, { name: "", events: [], address: { kind: "slack", url: "x" } }],
    [
      createChannelRequestSchema,
      { name: long, events: [], address: { kind: "feishu", url: "x", secret: long } },
    ],
    [createChannelRequestSchema, { name: "a", address: { kind: "email", host: "", port: NaN } }],
    [createChannelRequestSchema, { name: "a", address: { kind: "email", host: "", port: 1.5 } }],
    [createChannelRequestSchema, { name: "a", address: { kind: "email", host: "", port: 70_000 } }],
  ])("are Chinese on a Chinese page, whatever is entered: %#", (schema, entered) => {
    const input = {
      events: ["failed"],
      origin: "http://x",
      ...entered,
      address: { from: "me", to: "", ...entered.address },
    };
    const issues = schema.safeParse(input).error?.issues ?? [];
    expect(issues.length).toBeGreaterThan(0);
    for (const { message } of issues)
      expect(formatIssueMessage(chinese, message), message).toMatch(/\p{Script=Han}/u);
  });
});
