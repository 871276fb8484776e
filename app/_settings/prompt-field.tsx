"use client";
import { useWatch } from "react-hook-form";
import { methodNameSchema, protocolSchema } from "@/contracts/records/episode";
import type { PromptSetting } from "@/contracts/run-config/prompt-settings";
import { findBuiltInPrompt } from "@/core/prompts/built-in-prompts";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Textarea } from "@/app/_ui/field";

interface PromptFieldProps {
  setting: PromptSetting;
  id: string;
  value: unknown;
  onChange: (value: string | null) => void;
  onBlur: () => void;
  "aria-invalid"?: true | undefined;
  "aria-describedby": string;
}

/** A prompt of the chosen settings: the built-in text to read, or a person's own, edited here or taken from a file. */
export function PromptField({ setting, value, onChange, ...rest }: PromptFieldProps) {
  const t = useText();
  const [method, chosen, style, scorer, rewarding] = useWatch({
    name: ["method", "search.protocol", "generator.promptStyle", "scorer", "reward.scorer"],
  }) as [unknown, unknown, unknown, unknown, unknown];
  const prompt = findBuiltInPrompt(setting, {
    method: methodNameSchema.safeParse(method).data ?? null,
    protocol: protocolSchema.safeParse(chosen).data ?? "paper",
    promptStyle: String(style),
    scorer: typeof scorer === "string" ? scorer : String(rewarding),
  });
  const edited = typeof value === "string" ? value : null;
  if (prompt === null && edited === null)
    return (
      <p className="mt-1 text-xs text-muted-foreground">
        {t("There is no such prompt with these settings.")}
      </p>
    );
  return (
    <div className="mt-1">
      <Textarea
        {...rest}
        rows={edited === null ? 6 : 14}
        readOnly={edited === null}
        spellCheck={false}
        value={edited ?? prompt?.text ?? ""}
        onChange={(event) => onChange(event.target.value)}
      />
      <div className="mt-1 flex flex-wrap items-center gap-2 text-xs text-muted-foreground">
        {edited === null ? (
          <>
            <span className="font-mono">{prompt ? `${prompt.id}/${prompt.version}` : null}</span>
            <Button type="button" size="sm" onClick={() => onChange(prompt?.text ?? "")}>
              {t("Edit")}
            </Button>
          </>
        ) : (
          <Button type="button" size="sm" onClick={() => onChange(null)}>
            {t("Back to the built-in text")}
          </Button>
        )}
        <label className="cursor-pointer underline decoration-dotted underline-offset-2 focus-within:text-foreground">
          {t("From a file")}
          <input
            type="file"
            accept=".txt,.md,text/plain"
            className="sr-only"
            onChange={(event) => {
              const file = event.target.files?.[0];
              event.target.value = "";
              void file?.text().then(onChange);
            }}
          />
        </label>
        {prompt ? (
          <span>
            {t("placeholders {names}", {
              names: [...prompt.required, ...(prompt.optional ?? [])]
                .map((name) => `{${name}}`)
                .join(", "),
            })}
          </span>
        ) : null}
      </div>
    </div>
  );
}
