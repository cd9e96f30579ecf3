import subprocess
import sys
from pathlib import Path

import core.analysis

MODULES = sorted(path.stem for path in Path(core.analysis.__file__).parent.glob("*.py") if path.stem != "__init__")


def test_importing_the_analyses_loads_none_of_the_slow_libraries():
    """The app starts with them; scipy, sklearn and plotly are imported when something is computed or drawn."""
    statements = "; ".join(f"import core.analysis.{name}" for name in MODULES)
    code = f"import sys; {statements}; print(*sorted({{'scipy', 'sklearn', 'plotly'}} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(core.__file__).parent.parent,
    )
    assert result.stdout.strip() == ""
