"""What tests share besides fixtures: no test module imports from another one."""
