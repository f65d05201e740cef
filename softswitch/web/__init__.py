"""The pages: sources below `src/`, and what `build` makes of them below `dist/`, which the API serves and a wheel carries."""
