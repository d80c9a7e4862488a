def diagnose(*a): return []
