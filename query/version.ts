export const VARVE_VERSION = '0.1.0';

/** The Prometheus release whose query language and API this is: what clients gate their features on. */
const PROMETHEUS_VERSION = '3.14.0';

/** `version` is what Grafana and others compare; `application` says what is really there. */
export const BUILD_INFO = {
  version: PROMETHEUS_VERSION,
  revision: '',
  branch: '',
  buildUser: '',
  buildDate: '',
  goVersion: '',
  application: 'Varve',
  applicationVersion: VARVE_VERSION,
} as const;
