"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Input, Select } from "@/app/_ui/field";
import { METHOD_NAMES } from "@/contracts/records/method-names";
import { METHODS } from "@/core/run/methods";

/** What the files do not say themselves. Empty texts: as the files have it. */
export const DEFAULT_SETTINGS = {
  method: "",
  questions: "",
  corpus: "wiki-18",
  generator: "Qwen2.5-14B-Instruct-GPTQ-Int4",
};
export type ImportSettings = typeof DEFAULT_SETTINGS;

interface ImportSettingsFieldsProps {
  settings: ImportSettings;
  set: (part: Partial<ImportSettings>) => void;
}

/** Question set, method, corpus and generator of the results. */
export function ImportSettingsFields({ settings, set }: ImportSettingsFieldsProps) {
  const t = useText();
  const trpc = useTRPC();
  const sets = useQuery(trpc.catalogue.questionSets.queryOptions());
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <label className="block text-xs">
        <span className="text-muted-foreground">{t("Question set")}</span>
        <Select
          className="mt-0.5"
          value={settings.questions}
          onChange={(event) => set({ questions: event.target.value })}
          options={[
            { value: "", text: t("made of the files' questions and gold answers") },
            ...(sets.data?.map(({ name }) => name) ?? []),
          ]}
        />
      </label>
      <label className="block text-xs">
        <span className="text-muted-foreground">{t("Method")}</span>
        <Select
          className="mt-0.5"
          value={settings.method}
          onChange={(event) => set({ method: event.target.value })}
          options={[
            { value: "", text: t("as shown above, else s3") },
            ...METHOD_NAMES.filter((name) => name !== "gold").map((name) => ({
              value: name,
              text: t(METHODS[name].title),
            })),
          ]}
        />
      </label>
      <label className="block text-xs">
        <span className="text-muted-foreground">{t("Corpus that was searched")}</span>
        <Input
          className="mt-0.5"
          value={settings.corpus}
          onChange={(event) => set({ corpus: event.target.value })}
        />
      </label>
      <label className="block text-xs">
        <span className="text-muted-foreground">{t("Generator that answered")}</span>
        <Input
          className="mt-0.5"
          value={settings.generator}
          onChange={(event) => set({ generator: event.target.value })}
        />
      </label>
    </div>
  );
}
