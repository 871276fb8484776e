"use client";
import { useState, type FormEvent } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Textarea } from "@/app/_ui/field";
import { parseTags } from "./tags-dialog";
import { useOrganise } from "./use-organise";

interface EditedRun {
  id: string;
  name: string;
  tags: readonly string[];
  notes: string;
}

/** Name, tags and notes of a run. Its configuration keeps the name that it was launched with. */
export function EditDialog({ run, onClose }: { run: EditedRun; onClose: () => void }) {
  const t = useText();
  const { update, busy } = useOrganise(onClose);
  const [name, setName] = useState(run.name);
  const [tags, setTags] = useState(run.tags.join(", "));
  const [notes, setNotes] = useState(run.notes);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const wanted = parseTags(tags);
    update([run.id], {
      name,
      notes,
      addTags: wanted,
      removeTags: run.tags.filter((tag) => !wanted.includes(tag)),
    });
  };
  return (
    <Dialog open onOpenChange={onClose} title={t("Name, tags and notes")}>
      <form onSubmit={save}>
        <LabelledField id="run-name" label={t("Name")}>
          <Input
            id="run-name"
            value={name}
            maxLength={200}
            required
            onChange={(event) => setName(event.target.value)}
          />
        </LabelledField>
        <LabelledField id="run-tags" label={t("Tags")} hint={t("Several with commas.")}>
          <Input id="run-tags" value={tags} onChange={(event) => setTags(event.target.value)} />
        </LabelledField>
        <LabelledField id="run-notes" label={t("Notes")}>
          <Textarea
            id="run-notes"
            rows={6}
            maxLength={20_000}
            value={notes}
            onChange={(event) => setNotes(event.target.value)}
          />
        </LabelledField>
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={onClose}>{t("Keep as it was")}</Button>
          <Button type="submit" variant="primary" disabled={busy || name.trim() === ""}>
            {t("Save")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
