"use client";
import { useQuery } from "@tanstack/react-query";
import type { ComponentProps } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";

type NamedSelectProps = Omit<ComponentProps<typeof Select>, "value" | "onChange"> & {
  what: "corpus" | "questions";
  value: string;
  onChange: (name: string) => void;
};

const SIZES: Record<NamedSelectProps["what"], string> = {
  corpus: markText("{name} ({size, plural, one {# document} other {# documents}})"),
  questions: markText("{name} ({size, plural, one {# question} other {# questions}})"),
};

interface Choice {
  name: string;
  /** Null where it is not known. */
  size: number | null;
}

/** A corpus or a question set of this installation, with its size; a name that is not here stays and says so. */
export function NamedSelect({ what, value, onChange, ...props }: NamedSelectProps) {
  const t = useText();
  const { choices, isPending } = useChoices(what);
  const isKnown = choices.some(({ name }) => name === value);
  return (
    <Select {...props} value={value} onChange={(e) => onChange(e.target.value)}>
      {isKnown ? null : (
        <option value={value}>
          {value === ""
            ? t("Choose one")
            : isPending
              ? value
              : t("{name} (not here)", { name: value })}
        </option>
      )}
      {choices.map(({ name, size }) => (
        <option key={name} value={name}>
          {size === null ? t("{name} (size not known)", { name }) : t(SIZES[what], { name, size })}
        </option>
      ))}
    </Select>
  );
}

function useChoices(what: NamedSelectProps["what"]): { choices: Choice[]; isPending: boolean } {
  const trpc = useTRPC();
  const corpora = useQuery(
    trpc.corpora.list.queryOptions(undefined, { enabled: what === "corpus" }),
  );
  const sets = useQuery(
    trpc.catalogue.questionSets.queryOptions(undefined, { enabled: what === "questions" }),
  );
  if (what === "corpus")
    return {
      choices: corpora.data?.map(({ name, documents: size }) => ({ name, size })) ?? [],
      isPending: corpora.isPending,
    };
  return {
    choices: sets.data?.map(({ name, questions: size }) => ({ name, size })) ?? [],
    isPending: sets.isPending,
  };
}
