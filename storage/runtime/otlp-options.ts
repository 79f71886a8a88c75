import { badData } from './errors.ts';

/** How names are translated, in the words of Prometheus' `otlp.translation_strategy`. */
const TRANSLATIONS = ['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes', 'NoUTF8EscapingWithSuffixes', 'NoTranslation'] as const;
export type OtlpTranslation = (typeof TRANSLATIONS)[number];

/** How OTLP becomes series: Prometheus' `otlp` section, with its defaults. */
export interface OtlpOptions {
  readonly translation: OtlpTranslation;
  /** Resource attributes that become labels of every series. */
  readonly promoteResourceAttributes: readonly string[];
  /** All of them, but for those of `ignoreResourceAttributes`. */
  readonly promoteAllResourceAttributes: boolean;
  readonly ignoreResourceAttributes: readonly string[];
  /** Whether `target_info` has service.name, service.namespace and service.instance.id too, beside `job` and `instance`. */
  readonly keepIdentifyingResourceAttributes: boolean;
  /** Whether name, version, schema URL and attributes of the scope become labels `otel_scope_…`. */
  readonly promoteScopeMetadata: boolean;
  /** Whether histograms with explicit bounds become native histograms with custom buckets instead of classic ones. */
  readonly convertHistogramsToNhcb: boolean;
}

export const OTLP_DEFAULTS: OtlpOptions = {
  translation: 'UnderscoreEscapingWithSuffixes',
  promoteResourceAttributes: [],
  promoteAllResourceAttributes: false,
  ignoreResourceAttributes: [],
  keepIdentifyingResourceAttributes: false,
  promoteScopeMetadata: false,
  convertHistogramsToNhcb: false,
};

/** The Worker's variables for these. Lists are names with commas between them, switches are `on` or `off`. */
export const OTLP_VARIABLES = [
  'VARVE_OTLP_TRANSLATION',
  'VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES',
  'VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES',
  'VARVE_OTLP_IGNORE_RESOURCE_ATTRIBUTES',
  'VARVE_OTLP_KEEP_IDENTIFYING_RESOURCE_ATTRIBUTES',
  'VARVE_OTLP_PROMOTE_SCOPE_METADATA',
  'VARVE_OTLP_HISTOGRAMS_TO_NHCB',
] as const;
export type OtlpVariables = { readonly [Name in (typeof OTLP_VARIABLES)[number]]?: string };

export function readOtlpOptions(variables: OtlpVariables): OtlpOptions {
  const options: OtlpOptions = {
    translation: readTranslation(variables.VARVE_OTLP_TRANSLATION),
    promoteResourceAttributes: readList(variables.VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES),
    promoteAllResourceAttributes: readSwitch(variables, 'VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES'),
    ignoreResourceAttributes: readList(variables.VARVE_OTLP_IGNORE_RESOURCE_ATTRIBUTES),
    keepIdentifyingResourceAttributes: readSwitch(variables, 'VARVE_OTLP_KEEP_IDENTIFYING_RESOURCE_ATTRIBUTES'),
    promoteScopeMetadata: readSwitch(variables, 'VARVE_OTLP_PROMOTE_SCOPE_METADATA'),
    convertHistogramsToNhcb: readSwitch(variables, 'VARVE_OTLP_HISTOGRAMS_TO_NHCB'),
  };
  if (options.promoteAllResourceAttributes && options.promoteResourceAttributes.length > 0) {
    throw badData('VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES and VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES exclude each other');
  }
  if (!options.promoteAllResourceAttributes && options.ignoreResourceAttributes.length > 0) {
    throw badData('VARVE_OTLP_IGNORE_RESOURCE_ATTRIBUTES means nothing without VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES=on');
  }
  return options;
}

function readTranslation(text: string = OTLP_DEFAULTS.translation): OtlpTranslation {
  const found = TRANSLATIONS.find((translation) => translation === text);
  if (found === undefined) throw badData(`VARVE_OTLP_TRANSLATION is ${JSON.stringify(text)}; it must be one of ${TRANSLATIONS.join(', ')}`);
  return found;
}

/** Names with commas between them. */
function readList(text = ''): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function readSwitch(variables: OtlpVariables, name: keyof OtlpVariables): boolean {
  const text = variables[name] ?? 'off';
  if (text !== 'on' && text !== 'off') throw badData(`${name} is ${JSON.stringify(text)}; it must be "on" or "off"`);
  return text === 'on';
}
