// The one door to Preact and htm. Values in templates are text, never markup: there is no innerHTML anywhere.
import htm from 'htm';
import { Fragment, h, render } from 'preact';

export const html = htm.bind(h);
export { Fragment, render };
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
