import { describe, expect, test } from 'vitest';
import { OTLP_DEFAULTS, readOtlpOptions, type OtlpOptions, type OtlpVariables } from '../../../storage/runtime/otlp-options.ts';

describe('read', () => {
  function f(variables: OtlpVariables, wanted: Partial<OtlpOptions>): void {
    test(JSON.stringify(variables), () => expect(readOtlpOptions(variables)).toEqual({ ...OTLP_DEFAULTS, ...wanted }));
  }
  f({}, {});
  f({ VARVE_OTLP_TRANSLATION: 'NoTranslation' }, { translation: 'NoTranslation' });
  f({ VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES: 'host.name, k8s.pod.name,,' }, { promoteResourceAttributes: ['host.name', 'k8s.pod.name'] });
  f({ VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES: 'on', VARVE_OTLP_IGNORE_RESOURCE_ATTRIBUTES: 'a' }, { promoteAllResourceAttributes: true, ignoreResourceAttributes: ['a'] });
  f({ VARVE_OTLP_KEEP_IDENTIFYING_RESOURCE_ATTRIBUTES: 'on' }, { keepIdentifyingResourceAttributes: true });
  f({ VARVE_OTLP_PROMOTE_SCOPE_METADATA: 'on', VARVE_OTLP_HISTOGRAMS_TO_NHCB: 'off' }, { promoteScopeMetadata: true });
  f({ VARVE_OTLP_HISTOGRAMS_TO_NHCB: 'on' }, { convertHistogramsToNhcb: true });
});

describe('refused', () => {
  function f(variables: OtlpVariables, message: string): void {
    test(JSON.stringify(variables), () => expect(() => readOtlpOptions(variables)).toThrow(message));
  }
  f({ VARVE_OTLP_TRANSLATION: 'none' }, 'VARVE_OTLP_TRANSLATION is "none"; it must be one of UnderscoreEscapingWithSuffixes,');
  f({ VARVE_OTLP_HISTOGRAMS_TO_NHCB: 'yes' }, 'VARVE_OTLP_HISTOGRAMS_TO_NHCB is "yes"; it must be "on" or "off"');
  f({ VARVE_OTLP_PROMOTE_ALL_RESOURCE_ATTRIBUTES: 'on', VARVE_OTLP_PROMOTE_RESOURCE_ATTRIBUTES: 'a' }, 'exclude each other');
  f({ VARVE_OTLP_IGNORE_RESOURCE_ATTRIBUTES: 'a' }, 'means nothing without');
});
