"use client";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField } from "@/app/_ui/field";
import { useOrganise } from "./use-organise";

/** "a, b" as tags. */
export const parseTags = (text: string): string[] => [
  ...new Set(
    text
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ""),
  ),
];

/** Gives several runs tags, or takes them. */
export function TagsDialog({ ids, onClose }: { ids: readonly string[]; onClose: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const { data } = useQuery(trpc.runs.facets.queryOptions());
  const { update, busy } = useOrganise(onClose);
  const [text, setText] = useState("");
  const tags = parseTags(text);
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (tags.length > 0) update(ids, { addTags: tags });
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("Tags of {runs, plural, one {# run} other {# runs}}", { runs: ids.length })}
    >
      <form onSubmit={add}>
        <LabelledField id="tags-of-runs" label={t("Tags")} hint={t("Several with commas.")}>
          <Input
            id="tags-of-runs"
            list="known-tags"
            value={text}
            maxLength={200}
            onChange={(event) => setText(event.target.value)}
          />
        </LabelledField>
        <datalist id="known-tags">
          {data?.tags.map((tag) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
        <div className="mt-4 flex justify-end gap-2">
          <Button
            disabled={busy || tags.length === 0}
            onClick={() => update(ids, { removeTags: tags })}
          >
            {t("Remove")}
          </Button>
          <Button type="submit" variant="primary" disabled={busy || tags.length === 0}>
            {t("Add")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
