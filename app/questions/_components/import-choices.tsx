import { formatCount } from "@/app/_lib/format";
import { Select } from "@/app/_ui/field";
import { FIELD_TITLES, MAPPED_FIELDS, type ImportChoice, type MappedField } from "./import-choice";

type ChoiceProps = { choice: ImportChoice; onChange: (choice: ImportChoice) => void };

/** Which column holds which field of a question. */
export function ColumnMapping({
  columns,
  mapping,
  corpora,
  choice,
  onChange,
}: ChoiceProps & {
  columns: readonly string[];
  mapping: Readonly<Partial<Record<MappedField, string | null>>>;
  corpora: readonly string[];
}) {
  return (
    <div className="grid gap-2 sm:grid-cols-2">
      {MAPPED_FIELDS.map((field) => (
        <label key={field} className="block">
          <span className="text-muted-foreground">{FIELD_TITLES[field]}</span>
          <Select
            className="mt-0.5 w-full"
            value={mapping[field] ?? ""}
            onChange={(e) =>
              onChange({
                ...choice,
                parts: null,
                mapping: { ...choice.mapping, [field]: e.target.value || null },
              })
            }
          >
            <option value="">none</option>
            {[...new Set([...columns, ...(mapping[field] ? [mapping[field]] : [])])].map(
              (column) => (
                <option key={column}>{column}</option>
              ),
            )}
          </Select>
        </label>
      ))}
      {mapping.goldTitles ? (
        <label className="block">
          <span className="text-muted-foreground">Corpus of the gold titles</span>
          <Select
            className="mt-0.5 w-full"
            value={choice.goldCorpus ?? ""}
            onChange={(e) => onChange({ ...choice, goldCorpus: e.target.value || null })}
          >
            <option value="">none: the titles are dropped</option>
            {corpora.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        </label>
      ) : null}
    </div>
  );
}

/** Which parts of the file are imported; nothing where it has one. */
export function PartChoice({
  parts,
  choice,
  onChange,
}: ChoiceProps & { parts: readonly { name: string; questions: number }[] }) {
  if (parts.length < 2) return null;
  return (
    <fieldset>
      <legend className="font-medium">Parts; each becomes a set of its own</legend>
      {parts.map(({ name, questions }) => (
        <label key={name} className="mt-1 flex items-center gap-2">
          <input
            type="checkbox"
            checked={choice.parts === null || choice.parts.includes(name)}
            onChange={(e) => {
              const chosen = new Set(choice.parts ?? parts.map((part) => part.name));
              if (e.target.checked) chosen.add(name);
              else chosen.delete(name);
              onChange({ ...choice, parts: chosen.size === parts.length ? null : [...chosen] });
            }}
          />
          {name} · {formatCount(questions, "question")}
        </label>
      ))}
    </fieldset>
  );
}
