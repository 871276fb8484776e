import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatReadingValue } from "@/app/corpora/_components/reading-texts";
import { Select } from "@/app/_ui/field";
import {
  questionFormatSchema,
  questionReadingSchema,
  type QuestionReading,
} from "@/contracts/formats/question-file";
import { FIELD_TITLES, MAPPED_FIELDS, type ImportChoice, type MappedField } from "./import-choice";

type ChoiceProps = { choice: ImportChoice; onChange: (choice: ImportChoice) => void };

type ReadingField = keyof QuestionReading;

const READING_TITLES: Record<ReadingField, string> = {
  encoding: markText("Encoding"),
  delimiter: markText("Delimiter of a table"),
  quoting: markText("Quotes in quoted fields"),
  booleans: markText("Answers true and false are"),
  cells: markText("Cells of a table hold"),
};

/** How the file is read; what is "auto" is told by its content. */
export function ReadingChoice({ choice, onChange }: ChoiceProps) {
  const t = useText();
  return (
    <div className="grid gap-2 sm:grid-cols-2">
      <ChoiceSelect
        title={t("Format")}
        options={questionFormatSchema.options}
        value={choice.format}
        onChange={(value) =>
          onChange({ ...choice, format: questionFormatSchema.parse(value), mapping: {} })
        }
      />
      {(Object.keys(READING_TITLES) as ReadingField[]).map((field) => (
        <ChoiceSelect
          key={field}
          title={t(READING_TITLES[field])}
          options={questionReadingSchema.shape[field].def.innerType.options}
          value={choice.reading[field]}
          onChange={(value) =>
            onChange({
              ...choice,
              reading: questionReadingSchema.parse({ ...choice.reading, [field]: value }),
            })
          }
        />
      ))}
    </div>
  );
}

function ChoiceSelect({
  title,
  options,
  value,
  onChange,
}: {
  title: string;
  options: readonly string[];
  value: string;
  onChange: (value: string) => void;
}) {
  const t = useText();
  return (
    <label className="block">
      <span className="text-muted-foreground">{title}</span>
      <Select
        className="mt-0.5 w-full"
        options={options.map((option) => ({ value: option, text: formatReadingValue(t, option) }))}
        value={value}
        onChange={(e) => onChange(e.target.value)}
      />
    </label>
  );
}

const UNDECIDED = "?";

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
  const t = useText();
  // That a file has no ids is for a person to say.
  const isUndecided = (field: MappedField): boolean =>
    field === "id" && !mapping.id && !("id" in choice.mapping);
  return (
    <div className="grid gap-2 sm:grid-cols-2">
      {MAPPED_FIELDS.map((field) => (
        <label key={field} className="block">
          <span className="text-muted-foreground">{t(FIELD_TITLES[field])}</span>
          <Select
            className="mt-0.5 w-full"
            value={mapping[field] ?? (isUndecided(field) ? UNDECIDED : "")}
            onChange={(e) =>
              onChange({
                ...choice,
                parts: null,
                mapping: { ...choice.mapping, [field]: e.target.value || null },
              })
            }
          >
            {isUndecided(field) ? (
              <option value={UNDECIDED} disabled>
                {t("choose")}
              </option>
            ) : null}
            <option value="">{field === "id" ? t("none: numbered by line") : t("none")}</option>
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
          <span className="text-muted-foreground">{t("Corpus of the gold titles")}</span>
          <Select
            className="mt-0.5 w-full"
            value={choice.goldCorpus ?? ""}
            onChange={(e) => onChange({ ...choice, goldCorpus: e.target.value || null })}
          >
            <option value="">{t("none: the titles are dropped")}</option>
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
  const t = useText();
  if (parts.length < 2) return null;
  return (
    <fieldset>
      <legend className="font-medium">{t("Parts; each becomes a set of its own")}</legend>
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
          {name} ·{" "}
          {t("{count, plural, one {# question} other {# questions}}", { count: questions })}
        </label>
      ))}
    </fieldset>
  );
}
