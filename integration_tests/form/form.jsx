// A connector's specification as Airbyte's source form. Arrangement, controls and messages follow Airbyte's own form
// (airbyte-webapp: ConnectorForm, useGroupsAndSections, schemaToYup, TagInput); help texts, which Airbyte shows in a
// tooltip, are written out.
import Form from "@rjsf/core";
import { customizeValidator } from "@rjsf/validator-ajv8";
import Ajv2019 from "ajv/dist/2019.js";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const { connectionSpecification: specification, title } = window.given;
const validator = customizeValidator({
  AjvClass: Ajv2019,
  ajvFormatOptions: false,
  ajvOptionsOverrides: { validateFormats: false },
});

const isShown = (name) =>
  specification.required.includes(name) || specification.properties[name].always_show === true;

/** The cards in the order of `groups`; in each, fields that are always shown, then optional ones; both by `order`. */
function cards() {
  const named = Object.entries(specification.properties).filter(([, field]) => !field.airbyte_hidden);
  return specification.groups.map(({ id, title }) => {
    const names = named
      .filter(([, field]) => field.group === id)
      .sort(([, a], [, b]) => a.order - b.order)
      .map(([name]) => name);
    return { id, title, shown: names.filter(isShown), optional: names.filter((name) => !isShown(name)) };
  });
}

function uiSchema() {
  const ui = { "ui:order": cards().flatMap(({ shown, optional }) => [...shown, ...optional]) };
  ui["ui:submitButtonOptions"] = { submitText: "Set up source" };
  for (const [name, field] of Object.entries(specification.properties)) {
    if (field.airbyte_secret) ui[name] = { "ui:widget": "password" };
    else if (field.type === "array") ui[name] = { "ui:widget": Tags };
    else if (field.format === "date-time" || field.format === "date") ui[name] = { "ui:widget": DateText };
  }
  return ui;
}

/** A list of texts: Enter, Tab, comma or leaving the control makes a tag of what was typed. */
function Tags({ id, value = [], onChange }) {
  const [draft, setDraft] = useState("");
  const keep = (text) => {
    const added = text.split(/[,;]/).map((one) => one.trim()).filter(Boolean);
    if (added.length) onChange([...value, ...added]);
    setDraft("");
  };
  return (
    <div className="control tags">
      {value.map((tag, index) => (
        <span className="tag" key={index}>
          {tag}
          <button type="button" aria-label={`remove ${tag}`} onClick={() => onChange(value.toSpliced(index, 1))}>×</button>
        </span>
      ))}
      <input
        id={id}
        value={draft}
        onChange={({ target }) => (/[,;]/.test(target.value) ? keep(target.value) : setDraft(target.value))}
        onKeyDown={(event) => {
          if ((event.key === "Enter" || event.key === "Tab") && draft) {
            event.preventDefault();
            keep(draft);
          }
        }}
        onBlur={() => keep(draft)}
      />
    </div>
  );
}

/** Airbyte's date control: a text, and a calendar that writes `YYYY-MM-DDTHH:mm:ssZ` into it. */
function DateText({ id, value = "", onChange, schema }) {
  const withTime = schema.format === "date-time";
  return (
    <div className="date">
      <input id={id} className="control" value={value} onChange={({ target }) => onChange(target.value || undefined)} />
      <span className="calendar" aria-hidden="true">
        <svg viewBox="0 0 16 16" width="16"><path d="M2 3h12v11H2zM2 6h12M5 1v4M11 1v4" fill="none" stroke="currentColor" /></svg>
      </span>
      <input
        type={withTime ? "datetime-local" : "date"}
        aria-label={`calendar of ${id}`}
        tabIndex={-1}
        onChange={({ target }) => target.value && onChange(withTime ? `${target.value.slice(0, 16)}:00Z` : target.value)}
      />
    </div>
  );
}

function Field({ id, label, children, rawErrors, required, schema }) {
  if (id === "root") return children;
  const name = id.replace("root_", "");
  const descriptor = schema.pattern_descriptor ?? schema.items?.pattern_descriptor;
  return (
    <div className="field" data-field={name}>
      <label htmlFor={id}>{label}</label>
      {!required && schema.type !== "boolean" && <span className="optional">Optional</span>}
      {descriptor && <span className="format">{descriptor}</span>}
      <p className="help">{schema.description}</p>
      {children}
      {rawErrors?.length > 0 && <p className="error">{[...new Set(rawErrors)].join(" ")}</p>}
    </div>
  );
}

function Cards({ properties }) {
  const content = (names) => names.map((name) => properties.find((property) => property.name === name).content);
  return cards().map(({ id, title, shown, optional }) => (
    <section className="card" data-group={id} key={id}>
      {shown.length > 0 && <h2>{title}</h2>}
      {content(shown)}
      {optional.length > 0 && (
        <details className={shown.length ? "footer" : "whole"}>
          <summary>{shown.length ? "Optional fields" : title}</summary>
          {content(optional)}
        </details>
      )}
    </section>
  ));
}

/** Airbyte's words; what is wrong with one text of a list is said below the list. */
function inItsWords(errors) {
  return errors.map((error) => {
    const [name] = error.property.match(/\w+/);
    const field = specification.properties[name] ?? {};
    const descriptor = field.pattern_descriptor ?? field.items?.pattern_descriptor;
    const words = {
      required: "Required",
      minItems: "Required",
      pattern: `The value must match the pattern ${descriptor ?? error.params?.pattern}`,
      minimum: `Must be greater than or equal to ${error.params?.limit}`,
      maximum: `Must be less than or equal to ${error.params?.limit}`,
    };
    return { ...error, property: `.${name}`, message: words[error.name] ?? error.message };
  });
}

function Source() {
  return (
    <>
      <h1>Create a source</h1>
      <p className="name">{title}</p>
      <Form
        schema={specification}
        uiSchema={uiSchema()}
        validator={validator}
        templates={{ FieldTemplate: Field, ObjectFieldTemplate: Cards, DescriptionFieldTemplate: () => null }}
        experimental_defaultFormStateBehavior={{ arrayMinItems: { populate: "never" } }}
        transformErrors={inItsWords}
        onSubmit={({ formData }) => (window.submitted = formData)}
        noHtml5Validate
        showErrorList={false}
      />
    </>
  );
}

createRoot(document.getElementById("page")).render(<Source />);
